//! A text in memory, counted alone or by several threads.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use memchr::{memchr2, memrchr2};

use super::needle::{Beginning, Needle};
use super::pool::{self, Helpers, together};

/// What a thread takes at a time, at most and at least: large against the price of taking it, small enough that all end
/// at the same time.
const CHUNK_BYTES: usize = 512 << 10;
const SMALL_CHUNK_BYTES: usize = 64 << 10;

/// The length of a text from which several threads count it.
///
/// Threshold: waking a helper and waiting for it costs what one thread needs for one to two megabytes; from four on it
/// pays on a loaded machine too (`benchmarks/counter`, table "where threads pay").
pub const PARALLEL_FROM: usize = 4 << 20;

/// How many words match? Counted by several threads where the text is long enough.
#[must_use]
#[inline]
pub fn count(text: &[u8], needle: &Needle<'_>) -> usize {
    if text.len() < PARALLEL_FROM { count_sequential(text, needle) } else { count_parallel(text, needle) }
}

/// How many words match? Counted by the calling thread and the shared pool, where the system grants one.
#[must_use]
pub fn count_parallel(text: &[u8], needle: &Needle<'_>) -> usize {
    match pool::shared() {
        None => count_sequential(text, needle),
        Some(helpers) => count_shares(text, needle, chunk_bytes(text.len(), helpers), Some(helpers)),
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
    let helpers = pool::beside_caller(n_threads);
    if helpers.is_none() && n_threads > 1 {
        return None;
    }
    Some(count_shares(text, needle, chunk_bytes, helpers.as_ref()))
}

/// How much does a thread take of so long a text at a time?
pub(super) fn chunk_bytes(length: usize, helpers: &Helpers) -> usize {
    (length / (4 * (helpers.n() + 1))).clamp(SMALL_CHUNK_BYTES, CHUNK_BYTES)
}

fn count_shares(text: &[u8], needle: &Needle<'_>, chunk_bytes: usize, helpers: Option<&Helpers>) -> usize {
    let each = |total, chunk: Range<usize>| total + count_beginning_in(text, needle, chunk.start, chunk.end);
    taken(text.len(), chunk_bytes, helpers, || 0, each).into_iter().sum()
}

/// What does each thread make of the chunks that it took, one after the other until none is left?
pub(super) fn taken<T: Send>(
    length: usize,
    chunk_bytes: usize,
    helpers: Option<&Helpers>,
    none: impl Fn() -> T + Sync,
    each: impl Fn(T, Range<usize>) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    together(helpers, || {
        let mut result = none();
        loop {
            // Chunks and not bytes are numbered, so that the number cannot overflow past the end of the text.
            let begin = next.fetch_add(1, Ordering::Relaxed).saturating_mul(chunk_bytes);
            if begin >= length {
                return result;
            }
            result = each(result, begin..length.min(begin.saturating_add(chunk_bytes)));
        }
    })
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
