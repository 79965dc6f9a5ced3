//! Counts a text in memory, with one thread or with several.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::needle::Needle;
use crate::pool::{self, Helpers, run_in_all};
use crate::word::{PrefixMatch, after_first_separator, after_last_separator};

/// The largest and the smallest chunk that a thread takes at a time: large against the cost of taking it, small enough
/// that all threads end at about the same time.
const MAX_CHUNK_BYTES: usize = 512 << 10;
const MIN_CHUNK_BYTES: usize = 64 << 10;

/// The length from which several threads count a text.
///
/// Waking a helper and waiting for it takes as long as one thread needs for one to two megabytes. From four megabytes on
/// it pays on a loaded machine too (the benchmark of the counter, table "where threads pay").
pub const PARALLEL_FROM: usize = 4 << 20;

/// Counts the matching words, with several threads if the text is long enough.
#[must_use]
#[inline]
pub fn count(text: &[u8], needle: &Needle<'_>) -> usize {
    if text.len() < PARALLEL_FROM { count_sequential(text, needle) } else { count_parallel(text, needle) }
}

/// Counts the matching words with the calling thread and the shared pool, if the system grants one.
#[must_use]
pub fn count_parallel(text: &[u8], needle: &Needle<'_>) -> usize {
    match pool::shared() {
        None => count_sequential(text, needle),
        Some(helpers) => count_with(text, needle, chunk_bytes(text.len(), helpers), Some(helpers)),
    }
}

/// Counts the matching words with the calling thread.
#[must_use]
#[inline]
pub fn count_sequential(text: &[u8], needle: &Needle<'_>) -> usize {
    needle.count_words(text)
}

/// Counts the matching words in chunks of `chunk_bytes` with `n_threads` new threads.
///
/// Returns the same number as [`count`]; for tests and measurements. None if the system grants no threads.
///
/// # Panics
///
/// If `chunk_bytes` is zero.
#[must_use]
pub fn count_in_chunks(text: &[u8], needle: &Needle<'_>, chunk_bytes: usize, n_threads: usize) -> Option<usize> {
    assert!(chunk_bytes > 0, "chunk_bytes must be at least 1");
    let helpers = pool::beside_caller(n_threads);
    if helpers.is_none() && n_threads > 1 {
        return None;
    }
    Some(count_with(text, needle, chunk_bytes, helpers.as_ref()))
}

/// Returns how many bytes of a text of this length a thread takes at a time.
pub(crate) fn chunk_bytes(length: usize, helpers: &Helpers) -> usize {
    (length / (4 * (helpers.n_threads() + 1))).clamp(MIN_CHUNK_BYTES, MAX_CHUNK_BYTES)
}

fn count_with(text: &[u8], needle: &Needle<'_>, chunk_bytes: usize, helpers: Option<&Helpers>) -> usize {
    let each = |total, chunk: Range<usize>| total + count_beginning_in(text, needle, chunk.start, chunk.end);
    fold_chunks(text.len(), chunk_bytes, helpers, || 0, each).into_iter().sum()
}

/// Cuts `0..length` into chunks that the threads take one after the other; each thread folds its own with `each`.
///
/// Returns one result for each thread, in any order.
pub(crate) fn fold_chunks<T: Send>(
    length: usize,
    chunk_bytes: usize,
    helpers: Option<&Helpers>,
    initial: impl Fn() -> T + Sync,
    each: impl Fn(T, Range<usize>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    run_in_all(helpers, || {
        let mut result = initial();
        loop {
            // The counter is in chunks, not bytes, so that it cannot overflow beyond the end of the text.
            let begin = next.fetch_add(1, Ordering::Relaxed).saturating_mul(chunk_bytes);
            if begin >= length {
                return result;
            }
            result = each(result, begin..length.min(begin.saturating_add(chunk_bytes)));
        }
    })
}

/// Counts the matching words that begin in `text[begin..end]`.
fn count_beginning_in(text: &[u8], needle: &Needle<'_>, begin: usize, end: usize) -> usize {
    // A word begins in this range if the byte before it is a separator: that byte may lie before the range.
    let first = if begin == 0 {
        0
    } else {
        match after_first_separator(&text[begin - 1..end - 1]) {
            Some(length) => begin - 1 + length,
            None => return 0,
        }
    };
    let last = first + after_last_separator(&text[first..end]);
    let n_inside = needle.count_words(&text[first..last]);
    let last_matches = last < end && needle.match_prefix(&text[last..], true) == PrefixMatch::Matches;
    n_inside + usize::from(last_matches)
}
