//! A text in memory, counted alone or by several threads.

use memchr::{memchr2, memrchr2};
use rayon::iter::{IntoParallelIterator, ParallelIterator};

use super::needle::{Beginning, Needle};
use super::pool;

/// What one task counts: large against the price of a task, small enough to share out evenly.
const CHUNK_BYTES: usize = 512 << 10;

/// The length of a text from which several threads count it.
///
/// Threshold: waking the pool and waiting for it costs what one thread needs for about this many bytes
/// (`benches/counter.py`, table "where threads pay").
pub const PARALLEL_FROM: usize = 1 << 20;

/// How many words match? Counted by several threads where the text is long enough.
#[must_use]
#[inline]
pub fn count(text: &[u8], needle: &Needle<'_>) -> usize {
    if text.len() < PARALLEL_FROM {
        return count_sequential(text, needle);
    }
    match pool::shared() {
        Some(threads) => threads.install(|| count_in_tasks(text, needle, CHUNK_BYTES)),
        None => count_sequential(text, needle),
    }
}

/// How many words match? Counted by the calling thread.
#[must_use]
#[inline]
pub fn count_sequential(text: &[u8], needle: &Needle<'_>) -> usize {
    needle.count_words(text)
}

/// How many words match, if the text is cut after every `chunk_bytes` and counted by so many threads of their own?
///
/// The same as [`count`], for tests and measurements. None where the system grants no threads.
///
/// # Panics
///
/// If `chunk_bytes` is zero.
#[must_use]
pub fn count_in_chunks(text: &[u8], needle: &Needle<'_>, chunk_bytes: usize, n_threads: usize) -> Option<usize> {
    assert!(chunk_bytes > 0, "a chunk of 0 bytes never ends; give at least 1");
    let threads = pool::build(n_threads)?;
    Some(threads.install(|| count_in_tasks(text, needle, chunk_bytes)))
}

fn count_in_tasks(text: &[u8], needle: &Needle<'_>, chunk_bytes: usize) -> usize {
    (0..text.len().div_ceil(chunk_bytes))
        .into_par_iter()
        .map(|n| {
            let begin = n * chunk_bytes;
            count_beginning_in(text, needle, begin, text.len().min(begin + chunk_bytes))
        })
        .sum()
}

/// How many of the words that begin in `text[begin..end]` match?
fn count_beginning_in(text: &[u8], needle: &Needle<'_>, begin: usize, end: usize) -> usize {
    // A word begins behind a separator; the one before this range is the range's own concern.
    let first = if begin == 0 {
        0
    } else {
        match memchr2(b' ', b'\n', &text[begin - 1..end - 1]) {
            Some(at) => begin + at,
            None => return 0,
        }
    };
    let last = memrchr2(b' ', b'\n', &text[first..end]).map_or(first, |at| first + at + 1);
    let inside = needle.count_words(&text[first..last]);
    let open = last < end && needle.begins_word(&text[last..], true) == Beginning::Matches;
    inside + usize::from(open)
}
