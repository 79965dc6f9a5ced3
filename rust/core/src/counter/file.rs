//! A file of any size, in constant memory: blocks are read (never mapped) and counted by several threads.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use memchr::{memchr2, memrchr2};

use super::chunks::PARALLEL_FROM;
use super::needle::{Beginning, Needle};
use super::pool::{self, Helpers, together};
use super::stream::{BLOCK_BYTES, count_stream};

/// What all blocks together may take.
const ALL_BLOCKS_BYTES: usize = 4 << 20;

/// How much further a word that runs over a block's end is read at least.
const FURTHER_BYTES: usize = 64 << 10;

/// The caller is asked whether to go on whenever so much has been read: a fraction of a second.
const SLAB_BYTES: u64 = 1 << 30;

/// How many words of the file match?
///
/// A regular file is counted as long as it is when the call begins, several blocks at a time. Anything else (a pipe, a
/// device, a file of the kernel's that tells no length) is read to its end, block after block. A file that others
/// change meanwhile gives the count of some mixture. Takes at most 4 MiB of memory and three times the needle.
///
/// `go_on` is asked now and then, by the calling thread; with false the call ends with `ErrorKind::Interrupted`.
///
/// # Errors
///
/// What the system says to reading the file.
pub fn count_file(file: &File, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let about = file.metadata()?;
    if about.is_file() && about.len() > 0 {
        count_blocks(file, about.len(), needle, go_on)
    } else {
        count_stream(&mut &*file, needle, go_on)
    }
}

fn count_blocks(file: &File, length: u64, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let helpers = if length < PARALLEL_FROM as u64 { None } else { pool::shared() };
    let n_threads = 1 + helpers.map_or(0, Helpers::n);
    let block_bytes = (ALL_BLOCKS_BYTES / n_threads).min(BLOCK_BYTES);
    let mut total = 0;
    let mut begin = 0;
    while begin < length {
        if !go_on() {
            return Err(ErrorKind::Interrupted.into());
        }
        let end = length.min(begin + SLAB_BYTES);
        let slab = Slab { file, needle, length, end, block_bytes, next: AtomicU64::new(begin) };
        for counted in together(helpers, || slab.work()) {
            total += counted?;
        }
        begin = end;
    }
    Ok(total)
}

/// A stretch of a file whose blocks the threads take one after the other.
struct Slab<'s> {
    file: &'s File,
    needle: &'s Needle<'s>,
    /// Where the file ends.
    length: u64,
    end: u64,
    block_bytes: usize,
    next: AtomicU64,
}

impl Slab<'_> {
    /// Counts blocks until none is left.
    fn work(&self) -> io::Result<usize> {
        let mut buffer = Vec::new();
        let mut total = 0;
        loop {
            let begin = self.next.fetch_add(self.block_bytes as u64, Ordering::Relaxed);
            if begin >= self.end {
                return Ok(total);
            }
            let end = self.end.min(begin + self.block_bytes as u64);
            total += self.count_beginning_in(begin, end, &mut buffer)?;
        }
    }

    /// How many of the words that begin in this range of the file match?
    fn count_beginning_in(&self, begin: u64, end: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // The byte before the range tells whether a word begins with it.
        let from = begin.saturating_sub(1);
        let wanted = usize::try_from(end - from).unwrap_or(usize::MAX);
        buffer.resize(wanted, 0);
        let n_read = read_at(self.file, buffer, from)?;
        let text = &buffer[..n_read];
        let first = match text {
            [] => return Ok(0),
            _ if begin == 0 => 0,
            [before @ .., _] => match memchr2(b' ', b'\n', before) {
                Some(separator) => separator + 1,
                None => return Ok(0),
            },
        };
        let last = memrchr2(b' ', b'\n', &text[first..]).map_or(first, |separator| first + separator + 1);
        let inside = self.needle.count_words(&text[first..last]);
        let open = last < text.len() && self.begins_word(&text[last..], from + n_read as u64)?;
        Ok(inside + usize::from(open))
    }

    /// Does the word match that begins with these bytes and goes on in the file at `at`?
    fn begins_word(&self, rest: &[u8], mut at: u64) -> io::Result<bool> {
        let mut state = self.needle.begins_word(rest, at >= self.length);
        let mut rest = rest;
        let mut longer = Vec::new();
        while let Beginning::Open(skip) = state {
            // Twice as much each time: a long needle is not compared anew for every few bytes.
            let kept = rest.len() - skip;
            let mut next = Vec::with_capacity(kept + kept.max(FURTHER_BYTES));
            next.extend_from_slice(&rest[skip..]);
            let room = (self.length - at).min(kept.max(FURTHER_BYTES) as u64);
            next.resize(kept + usize::try_from(room).unwrap_or(usize::MAX), 0);
            let n_read = read_at(self.file, &mut next[kept..], at)?;
            next.truncate(kept + n_read);
            at += n_read as u64;
            longer = next;
            rest = &longer;
            // Nothing read: the file has become shorter, and ends here now.
            state = self.needle.begins_word(rest, at >= self.length || n_read == 0);
        }
        drop(longer);
        Ok(state == Beginning::Matches)
    }
}

/// Fills the buffer from the file at `from`. How much of it was there?
fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], from + filled as u64) {
            Ok(0) => break,
            Ok(n_read) => filled += n_read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests;
