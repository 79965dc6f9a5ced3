//! Counts bytes that arrive block by block and are read once.

use std::io::{self, ErrorKind, Read};

use crate::needle::Needle;
use crate::word::{PrefixMatch, after_first_separator, after_last_separator};

/// The size of a block. Larger blocks save system calls but do not fit into the core's own cache. Measured, this size is
/// the fastest; half or a quarter of it is little slower.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;

/// The number of reads between two calls of `go_on`.
const READS_BETWEEN_CALLS: usize = 256;

/// Counts the matching words up to the end of the reader.
///
/// Needs one block of memory, or three times the needle if that is more. Calls `go_on` now and then and after every
/// interrupted read; if it returns false the call ends with `ErrorKind::Interrupted`.
///
/// # Errors
///
/// The error of the reader, or `ErrorKind::Interrupted`.
pub fn count_stream(reader: &mut dyn Read, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let mut buffer = vec![0; BLOCK_BYTES];
    let mut filled = 0;
    let mut total = 0;
    // The word at the beginning of the buffer is counted already: its rest is skipped.
    let mut is_counted = false;
    let mut n_reads = 0;
    loop {
        if n_reads % READS_BETWEEN_CALLS == 0 && !go_on() {
            return Err(ErrorKind::Interrupted.into());
        }
        n_reads += 1;
        let at_end = match reader.read(&mut buffer[filled..]) {
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
        if is_counted {
            let rest = after_first_separator(text);
            is_counted = rest.is_none();
            first = rest.unwrap_or(filled);
        }
        let last = first + after_last_separator(&text[first..]);
        total += needle.count_words(&text[first..last]);
        let mut keep = filled;
        if last < filled {
            match needle.match_prefix(&text[last..], at_end) {
                PrefixMatch::Incomplete(skip) => keep = last + skip,
                result => {
                    total += usize::from(result == PrefixMatch::Matches);
                    is_counted = true;
                }
            }
        }
        if at_end {
            return Ok(total);
        }
        buffer.copy_within(keep..filled, 0);
        filled -= keep;
        // The needle is longer than the buffer.
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
    }
}
