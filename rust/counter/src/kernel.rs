//! Compares the needle with blocks of positions side by side.
//!
//! For all positions of a block at once, the kernel
//!
//! 1. compares the needle with the text that begins at each position, one byte of the needle after the other, each over
//!    the whole block (the same block of the text, moved by one byte);
//! 2. asks the rule about the byte before and the byte after: *sure* matches are counted by their bits, *doubtful* ones
//!    (rare) are decided one by one.
//!
//! Nothing depends on branch prediction. For a group of blocks the kernel compares the first and the last byte of the
//! needle and notes in a mask the blocks where both fit: in natural text those are the blocks with the word. Then it
//! compares the noted blocks completely. (When each block decided for itself whether to continue, the processor
//! mispredicted every second match in random text and discarded the loads that it had begun: a third of the speed on one
//! core, and half of the gain of a second core.)
//!
//! The text is treated as if a space stood before it and another after it. The first position is compared alone, and the
//! end of the text that fills no block is copied into a buffer.
//!
//! All code that uses vector registers is in functions that are always inlined, never in closures. The compiler may use
//! AVX2 only inside `count_avx2`; a closure that is not inlined there turns every instruction into a call (measured: a
//! twentieth of the speed).

use crate::lanes::{Lanes, Plain};

/// A rule as the kernel needs it.
pub(crate) trait MatchRule: Copy {
    /// Returns where the text equals this byte of the needle.
    fn equal<L: Lanes>(text: L, needle: u8) -> L;
    /// Returns which positions are matches (`.0`) and which are doubtful (`.1`), by the bytes before and after the needle.
    fn sure_and_doubtful<L: Lanes>(before: L, after: L) -> (L, L);
}

/// Counts the positions that match. `decide(at)` returns whether a doubtful position matches.
#[inline]
pub(crate) fn count<R: MatchRule>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: `count_avx2` requires AVX2 and POPCNT, and the processor has just reported both.
            return unsafe { count_avx2::<R>(text, needle, decide) };
        }
        by_length::<R, crate::lanes::x86::Sse2>(text, needle, decide)
    }
    #[cfg(not(target_arch = "x86_64"))]
    by_length::<R, Plain<16>>(text, needle, decide)
}

/// Counts with AVX2.
///
/// # Safety
///
/// The processor has AVX2 and POPCNT.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_avx2<R: MatchRule>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    by_length::<R, crate::lanes::x86::Avx2>(text, needle, decide)
}

/// Counts with a copy of the loop for each needle length up to `HEAD`: the comparisons are then unrolled and the bytes of
/// the needle stay in registers. Twice as fast for `better`.
#[inline(always)]
pub(crate) fn by_length<R: MatchRule, L: Lanes>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    match needle.len() {
        0 => 0,
        1 => count_positions::<R, L, 1>(text, needle, decide),
        2 => count_positions::<R, L, 2>(text, needle, decide),
        3 => count_positions::<R, L, 3>(text, needle, decide),
        4 => count_positions::<R, L, 4>(text, needle, decide),
        5 => count_positions::<R, L, 5>(text, needle, decide),
        6 => count_positions::<R, L, 6>(text, needle, decide),
        7 => count_positions::<R, L, 7>(text, needle, decide),
        8 => count_positions::<R, L, 8>(text, needle, decide),
        9.. => count_positions::<R, L, LONG>(text, needle, decide),
    }
}

/// Stands for any length beyond `HEAD`.
const LONG: usize = 0;

/// The longest needle with its own copy of the loop. Of longer needles this many bytes are compared before the first check
/// whether any position is left.
const HEAD: usize = 8;

/// The number of blocks in a group: one bit of a `u64` mask for each.
const GROUP: usize = 64;

/// The size of the buffer for the end of a text, used if the needle is no longer than a block: the rest of the text is
/// shorter than a block and a needle, and as much again follows it.
const END_BYTES: usize = 128;

#[inline(always)]
fn count_positions<R: MatchRule, L: Lanes, const N: usize>(
    text: &[u8],
    needle: &[u8],
    decide: impl Fn(usize) -> bool,
) -> usize {
    let length = if N == LONG { needle.len() } else { N };
    if text.len() < length {
        return 0;
    }
    let mut total = count_one::<R>(text, needle, 0, &decide);
    let mut at = 1;
    // A block reads from the byte before its first position to the byte after its last match. The first and last byte of a
    // one-byte needle are all of it, so groups gain nothing.
    while N != 1 && at + length + GROUP * L::N <= text.len() {
        total += count_group::<R, L, N>(text, needle, at, &decide);
        at += GROUP * L::N;
    }
    while at + length + L::N <= text.len() {
        let (sure, doubtful) = compare::<R, L, N>(&text[at - 1..at + length + L::N], needle);
        total += sure.count_ones() as usize;
        if doubtful != 0 {
            total += count_doubtful(doubtful, at, &decide);
        }
        at += L::N;
    }
    let last = text.len() - length;
    if length > L::N {
        return total + (at..=last).map(|at| count_one::<R>(text, needle, at, &decide)).sum::<usize>();
    }
    let mut end = [b' '; END_BYTES];
    while at <= last {
        let rest = &text[at - 1..];
        end[..rest.len()].copy_from_slice(rest);
        let (sure, doubtful) = compare::<R, L, N>(&end[..=length + L::N], needle);
        total += sure.count_ones() as usize + count_doubtful(doubtful, at, &decide);
        at += L::N;
    }
    total
}

/// Counts the matches in the `GROUP` blocks from `at` on.
#[inline(always)]
fn count_group<R: MatchRule, L: Lanes, const N: usize>(
    text: &[u8],
    needle: &[u8],
    at: usize,
    decide: &impl Fn(usize) -> bool,
) -> usize {
    let length = if N == LONG { needle.len() } else { N };
    let window = &text[at - 1..at + length + GROUP * L::N];
    // Adding the mask to itself shifts it and takes the new bit as a carry: half the instructions of setting the n-th bit.
    // The bit of the first block ends up highest.
    let mut misses = 0_u64;
    for n in 0..GROUP {
        let fits = first_and_last::<R, L, N>(&window[n * L::N..], needle);
        misses = misses.wrapping_add(misses).wrapping_add(u64::from(fits.bits() == 0));
    }
    let mut fits = !misses;
    let mut total = 0;
    while fits != 0 {
        let n = fits.leading_zeros() as usize;
        fits ^= (1 << 63) >> n;
        let (sure, doubtful) = compare::<R, L, N>(&window[n * L::N..=(n + 1) * L::N + length], needle);
        total += sure.count_ones() as usize;
        if doubtful != 0 {
            total += count_doubtful(doubtful, at + n * L::N, decide);
        }
    }
    total
}

/// Returns the sure and the doubtful positions of a block. The window begins one byte before the first position.
#[inline(always)]
fn compare<R: MatchRule, L: Lanes, const N: usize>(window: &[u8], needle: &[u8]) -> (u32, u32) {
    let length = if N == LONG { needle.len() } else { N };
    let mut all = first_and_last::<R, L, N>(window, needle);
    for n in 1..if N == LONG { HEAD } else { N - 1 } {
        all = all.and(byte_fits::<R, L>(window, needle, n));
    }
    if N == LONG {
        if all.bits() == 0 {
            return (0, 0);
        }
        for n in HEAD..length - 1 {
            all = all.and(byte_fits::<R, L>(window, needle, n));
        }
    }
    let (sure, doubtful) = R::sure_and_doubtful(L::load(window), L::load(&window[length + 1..]));
    (sure.and(all).bits(), doubtful.and(all).bits())
}

/// Returns where in a block the first and the last byte of the needle fit.
#[inline(always)]
fn first_and_last<R: MatchRule, L: Lanes, const N: usize>(window: &[u8], needle: &[u8]) -> L {
    let length = if N == LONG { needle.len() } else { N };
    byte_fits::<R, L>(window, needle, 0).and(byte_fits::<R, L>(window, needle, length - 1))
}

/// Returns where in a block byte `n` of the needle fits.
#[inline(always)]
fn byte_fits<R: MatchRule, L: Lanes>(window: &[u8], needle: &[u8], n: usize) -> L {
    R::equal(L::load(&window[1 + n..]), needle[n])
}

/// Counts the matches among the doubtful positions of the block at `at`.
#[cold]
#[inline(never)]
fn count_doubtful(doubtful: u32, at: usize, decide: &impl Fn(usize) -> bool) -> usize {
    (0..u32::BITS as usize).filter(|lane| doubtful >> lane & 1 == 1 && decide(at + lane)).count()
}

/// Returns 1 if this position matches, else 0.
#[inline(always)]
fn count_one<R: MatchRule>(text: &[u8], needle: &[u8], at: usize, decide: &impl Fn(usize) -> bool) -> usize {
    let one = |byte: u8| Plain::<1>::splat(byte);
    if text[at..].iter().zip(needle).any(|(&byte, &expected)| R::equal(one(byte), expected).bits() == 0) {
        return 0;
    }
    let before = if at == 0 { b' ' } else { text[at - 1] };
    let after = text.get(at + needle.len()).copied().unwrap_or(b' ');
    let (sure, doubtful) = R::sure_and_doubtful(one(before), one(after));
    usize::from(sure.bits() != 0 || (doubtful.bits() != 0 && decide(at)))
}
