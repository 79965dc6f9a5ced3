//! Bytes that come one block after the other, each seen once.

use std::io::{self, ErrorKind, Read};

use memchr::{memchr2, memrchr2};

use super::needle::{Beginning, Needle};

/// A block. Larger ones spare system calls and no longer fit beside their text into the core's own cache: measured, this
/// size is the fastest, and half or a quarter of it little slower.
pub(super) const BLOCK_BYTES: usize = 1 << 20;

/// How many reads of a stream go by without the caller being asked?
const READS: usize = 256;

/// How many words match in all that can be read, from here to the end?
///
/// Takes a block of memory, or three times the needle if that is more. `go_on` is asked now and then, and after every
/// interrupted read; with false the call ends with `ErrorKind::Interrupted`.
///
/// # Errors
///
/// What the reader says.
pub fn count_stream(reader: &mut dyn Read, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut filled = 0;
    let mut total = 0;
    // The word at the buffer's beginning is decided already: what is left of it is not looked at.
    let mut decided = false;
    let mut n_reads = 0;
    loop {
        if n_reads % READS == 0 && !go_on() {
            return Err(ErrorKind::Interrupted.into());
        }
        n_reads += 1;
        let ended = match reader.read(&mut buffer[filled..]) {
            Ok(n_read) => {
                filled += n_read;
                n_read == 0
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {
                n_reads = 0;
                continue;
            }
            Err(error) => return Err(error),
        };
        let text = &buffer[..filled];
        let mut first = 0;
        if decided {
            let separator = memchr2(b' ', b'\n', text);
            decided = separator.is_none();
            first = separator.map_or(filled, |separator| separator + 1);
        }
        let last = memrchr2(b' ', b'\n', &text[first..]).map_or(first, |separator| first + separator + 1);
        total += needle.count_words(&text[first..last]);
        let mut keep = filled;
        if last < filled {
            match needle.begins_word(&text[last..], ended) {
                Beginning::Open(skip) => keep = last + skip,
                state => {
                    total += usize::from(state == Beginning::Matches);
                    decided = true;
                }
            }
        }
        if ended {
            return Ok(total);
        }
        buffer.copy_within(keep..filled, 0);
        filled -= keep;
        // A needle longer than the buffer.
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
    }
}
