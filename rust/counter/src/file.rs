//! Counts a file of any size in constant memory: several threads read blocks (never maps them) and count them.

use std::fs::File;
use std::io::{self, ErrorKind};
#[cfg(unix)]
use std::os::unix::fs::FileExt;
#[cfg(windows)]
use std::os::windows::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::chunks::PARALLEL_FROM;
use crate::needle::Needle;
use crate::pool::{self, Helpers, run_in_all};
use crate::stream::{BLOCK_BYTES, count_stream};
use crate::word::{PrefixMatch, after_first_separator, after_last_separator};

/// The memory that all blocks together may take.
const ALL_BLOCKS_BYTES: usize = 4 << 20;

/// The smallest read that continues a word beyond the end of a block.
const MORE_BYTES: usize = 64 << 10;

/// How much is read between two calls of `go_on`: a fraction of a second.
const SLAB_BYTES: u64 = 1 << 30;

/// Counts the matching words of the file.
///
/// A regular file is counted up to the length that it has when the call begins, several blocks at a time. Anything else
/// (a pipe, a device, a file of the kernel without a length) is read to its end, block by block. If the file changes
/// meanwhile, the count may be that of a mixture of old and new content. Needs at most 4 MiB of memory and three times
/// the needle.
///
/// The calling thread calls `go_on` now and then; if it returns false the call ends with `ErrorKind::Interrupted`.
///
/// # Errors
///
/// The system's error for reading the file, or `ErrorKind::Interrupted`.
pub fn count_file(file: &File, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.len() > 0 {
        count_blocks(file, metadata.len(), needle, go_on)
    } else {
        count_stream(&mut &*file, needle, go_on)
    }
}

fn count_blocks(file: &File, length: u64, needle: &Needle<'_>, go_on: &mut dyn FnMut() -> bool) -> io::Result<usize> {
    let helpers = if length < PARALLEL_FROM as u64 { None } else { pool::shared() };
    let n_threads = 1 + helpers.map_or(0, Helpers::n_threads);
    let block_bytes = (ALL_BLOCKS_BYTES / n_threads).min(BLOCK_BYTES);
    let mut total = 0;
    let mut begin = 0;
    while begin < length {
        if !go_on() {
            return Err(ErrorKind::Interrupted.into());
        }
        let end = length.min(begin + SLAB_BYTES);
        let slab = Slab { file, needle, length, end, block_bytes, next: AtomicU64::new(begin) };
        for count in run_in_all(helpers, || slab.count_blocks()) {
            total += count?;
        }
        begin = end;
    }
    Ok(total)
}

/// A part of a file whose blocks the threads take one after the other.
struct Slab<'s> {
    file: &'s File,
    needle: &'s Needle<'s>,
    /// The length of the file.
    length: u64,
    /// Where this part ends.
    end: u64,
    block_bytes: usize,
    /// Where the next block begins.
    next: AtomicU64,
}

impl Slab<'_> {
    /// Counts blocks until none is left.
    fn count_blocks(&self) -> io::Result<usize> {
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

    /// Counts the matching words that begin in this range of the file.
    fn count_beginning_in(&self, begin: u64, end: u64, buffer: &mut Vec<u8>) -> io::Result<usize> {
        // A word begins with the range if the byte before it is a separator.
        let from = begin.saturating_sub(1);
        buffer.resize(usize::try_from(end - from).unwrap_or(usize::MAX), 0);
        let n_read = read_at(self.file, buffer, from)?;
        let text = &buffer[..n_read];
        let first = match text {
            [] => return Ok(0),
            _ if begin == 0 => 0,
            [before @ .., _] => match after_first_separator(before) {
                Some(first) => first,
                None => return Ok(0),
            },
        };
        let last = first + after_last_separator(&text[first..]);
        let n_inside = self.needle.count_words(&text[first..last]);
        let last_matches = last < text.len() && self.word_matches(&text[last..], from + n_read as u64)?;
        Ok(n_inside + usize::from(last_matches))
    }

    /// Returns whether the word matches that begins with these bytes and continues in the file at `at`.
    fn word_matches(&self, prefix: &[u8], mut at: u64) -> io::Result<bool> {
        let mut result = self.needle.match_prefix(prefix, at >= self.length);
        let mut word = prefix.to_vec();
        while let PrefixMatch::Incomplete(skip) = result {
            word.drain(..skip);
            let n_kept = word.len();
            // The length doubles each time, so that a long needle is not compared again for every few bytes.
            let n_more = (self.length - at).min(n_kept.max(MORE_BYTES) as u64);
            word.resize(n_kept + usize::try_from(n_more).unwrap_or(usize::MAX), 0);
            let n_read = read_at(self.file, &mut word[n_kept..], at)?;
            word.truncate(n_kept + n_read);
            at += n_read as u64;
            // A file that has become shorter gives no more bytes and ends here.
            result = self.needle.match_prefix(&word, at >= self.length || n_read == 0);
        }
        Ok(result == PrefixMatch::Matches)
    }
}

/// Fills the buffer from the file at `from`; returns how many bytes there were.
fn read_at(file: &File, buffer: &mut [u8], from: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        #[cfg(unix)]
        let result = file.read_at(&mut buffer[filled..], from + filled as u64);
        #[cfg(windows)]
        let result = file.seek_read(&mut buffer[filled..], from + filled as u64);
        match result {
            Ok(0) => break,
            Ok(n_read) => filled += n_read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

#[cfg(test)]
#[cfg(unix)]
mod tests;
