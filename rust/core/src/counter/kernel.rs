//! Counts matches in blocks of positions side by side.
//!
//! For all positions of a block at once:
//!
//! 1. compare the bytes that a match would have there with the needle, one needle byte after the other, each time
//!    over the whole block (the same block of the text, moved by one);
//! 2. let the rule judge the byte before and the byte behind: *sure* matches are counted by their bits, *doubtful*
//!    ones (rare) are decided one by one.
//!
//! There is no jump to predict and no search to start anew. The needle's first and last byte are compared first, for a
//! group of blocks, and a mask notes the blocks where both fit: in natural text that is where the word stands. Then
//! the noted blocks are compared in full. (Each block used to decide for itself whether to go on. In random text the
//! processor guessed wrong at every second word found, and threw away the loads that it had begun: a third of the speed
//! on one core, and half of what the second core is worth.)
//!
//! A text lies between two spaces that it does not have. Its first position is compared alone, and what fills no
//! block at its end is copied into one that does.
//!
//! What touches a register is a function that is always inlined, never a closure: only inside of `count_avx2` may the
//! compiler use AVX2, and a closure that stays outside of it makes a call of every instruction (a twentieth of the
//! speed, seen).

use super::lanes::{Lanes, Plain};

/// What the kernel needs to know of a rule.
pub(super) trait Judge: Copy {
    /// Where does the text pass for this byte of the needle?
    fn same<L: Lanes>(text: L, needle: u8) -> L;
    /// Which positions with such bytes before and such bytes behind are matches (`.0`), and which are doubtful (`.1`)?
    fn around<L: Lanes>(before: L, behind: L) -> (L, L);
}

/// How many positions match? `decide(at)` says it of those that the judge leaves in doubt.
#[inline]
pub(super) fn count<J: Judge>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("popcnt") {
            // SAFETY: the processor has the features that the function is compiled for, as just asked.
            return unsafe { count_avx2::<J>(text, needle, decide) };
        }
        by_length::<J, super::lanes::x86::Sse2>(text, needle, decide)
    }
    #[cfg(not(target_arch = "x86_64"))]
    by_length::<J, Plain<16>>(text, needle, decide)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn count_avx2<J: Judge>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    by_length::<J, super::lanes::x86::Avx2>(text, needle, decide)
}

/// Needles up to `HEAD` have a copy of the loop for each length: the number of comparisons is then no loop of its own,
/// and each of the needle's bytes stays in a register. Twice as fast on `better`.
#[inline(always)]
pub(super) fn by_length<J: Judge, L: Lanes>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    match needle.len() {
        0 => 0,
        1 => positions::<J, L, 1>(text, needle, decide),
        2 => positions::<J, L, 2>(text, needle, decide),
        3 => positions::<J, L, 3>(text, needle, decide),
        4 => positions::<J, L, 4>(text, needle, decide),
        5 => positions::<J, L, 5>(text, needle, decide),
        6 => positions::<J, L, 6>(text, needle, decide),
        7 => positions::<J, L, 7>(text, needle, decide),
        8 => positions::<J, L, 8>(text, needle, decide),
        9.. => positions::<J, L, LONG>(text, needle, decide),
    }
}

/// In place of a length: longer than the lengths that have a loop of their own.
const LONG: usize = 0;

/// The longest needle with a loop of its own. Of longer ones so many bytes are compared before it is asked whether any
/// position is left.
const HEAD: usize = 8;

/// So many blocks are looked at before the first of them is compared in full: a bit of a mask for each.
const GROUP: usize = 64;

/// The end of a text is copied into so many bytes, if the needle is no longer than a block: the rest of the text (less
/// than a block and a needle) and as much again behind it.
const END_BYTES: usize = 128;

#[inline(always)]
fn positions<J: Judge, L: Lanes, const N: usize>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    let length = if N == LONG { needle.len() } else { N };
    if text.len() < length {
        return 0;
    }
    let mut total = alone::<J>(text, needle, 0, &decide);
    let mut at = 1;
    // A block reads from the byte before its first position to the byte behind its last match. Of one byte there is
    // nothing to compare first.
    while N != 1 && at + length + GROUP * L::N <= text.len() {
        total += group::<J, L, N>(text, needle, at, &decide);
        at += GROUP * L::N;
    }
    while at + length + L::N <= text.len() {
        let (sure, doubt) = block::<J, L, N>(&text[at - 1..at + length + L::N], needle);
        total += sure.count_ones() as usize;
        if doubt != 0 {
            total += decided(doubt, at, &decide);
        }
        at += L::N;
    }
    let last = text.len() - length;
    if length > L::N {
        return total + (at..=last).map(|at| alone::<J>(text, needle, at, &decide)).sum::<usize>();
    }
    let mut end = [b' '; END_BYTES];
    while at <= last {
        let rest = &text[at - 1..];
        end[..rest.len()].copy_from_slice(rest);
        let (sure, doubt) = block::<J, L, N>(&end[..=length + L::N], needle);
        total += sure.count_ones() as usize + decided(doubt, at, &decide);
        at += L::N;
    }
    total
}

/// How many positions match in the `GROUP` blocks from `at` on?
#[inline(always)]
fn group<J: Judge, L: Lanes, const N: usize>(
    text: &[u8],
    needle: &[u8],
    at: usize,
    decide: &impl Fn(usize) -> bool,
) -> usize {
    let length = if N == LONG { needle.len() } else { N };
    let window = &text[at - 1..at + length + GROUP * L::N];
    // The mask is shifted by adding it to itself, which takes the new bit as a carry: half the instructions of setting
    // the n-th bit. The first block's bit ends up as the highest.
    let mut misses = 0_u64;
    for n in 0..GROUP {
        let fits = ends::<J, L, N>(&window[n * L::N..], needle);
        misses = misses.wrapping_add(misses).wrapping_add(u64::from(fits.bits() == 0));
    }
    let mut fits = !misses;
    let mut total = 0;
    while fits != 0 {
        let n = fits.leading_zeros() as usize;
        fits ^= (1 << 63) >> n;
        let (sure, doubt) = block::<J, L, N>(&window[n * L::N..=(n + 1) * L::N + length], needle);
        total += sure.count_ones() as usize;
        if doubt != 0 {
            total += decided(doubt, at + n * L::N, decide);
        }
    }
    total
}

/// Which positions of a block are sure, which in doubt? The window begins a byte before the first position.
#[inline(always)]
fn block<J: Judge, L: Lanes, const N: usize>(window: &[u8], needle: &[u8]) -> (u32, u32) {
    let length = if N == LONG { needle.len() } else { N };
    let mut all = ends::<J, L, N>(window, needle);
    for n in 1..if N == LONG { HEAD } else { N - 1 } {
        all = all.and(same::<J, L>(window, needle, n));
    }
    if N == LONG {
        if all.bits() == 0 {
            return (0, 0);
        }
        for n in HEAD..length - 1 {
            all = all.and(same::<J, L>(window, needle, n));
        }
    }
    let (sure, doubt) = J::around(L::load(window), L::load(&window[length + 1..]));
    (sure.and(all).bits(), doubt.and(all).bits())
}

/// Where in a block does the text pass for the needle's first byte and, so much further on, for its last?
#[inline(always)]
fn ends<J: Judge, L: Lanes, const N: usize>(window: &[u8], needle: &[u8]) -> L {
    let length = if N == LONG { needle.len() } else { N };
    same::<J, L>(window, needle, 0).and(same::<J, L>(window, needle, length - 1))
}

/// Where in a block does the text pass for the needle's byte `n`?
#[inline(always)]
fn same<J: Judge, L: Lanes>(window: &[u8], needle: &[u8], n: usize) -> L {
    J::same(L::load(&window[1 + n..]), needle[n])
}

/// How many of the doubtful positions of the block at `at` match?
#[cold]
#[inline(never)]
fn decided(doubt: u32, at: usize, decide: &impl Fn(usize) -> bool) -> usize {
    (0..u32::BITS as usize).filter(|lane| doubt >> lane & 1 == 1 && decide(at + lane)).count()
}

/// 1 for a match at this position, 0 for none.
#[inline(always)]
fn alone<J: Judge>(text: &[u8], needle: &[u8], at: usize, decide: &impl Fn(usize) -> bool) -> usize {
    let one = |byte: u8| Plain::<1>::splat(byte);
    if text[at..].iter().zip(needle).any(|(&byte, &expected)| J::same(one(byte), expected).bits() == 0) {
        return 0;
    }
    let before = if at == 0 { b' ' } else { text[at - 1] };
    let behind = text.get(at + needle.len()).copied().unwrap_or(b' ');
    let (sure, doubt) = J::around(one(before), one(behind));
    usize::from(sure.bits() != 0 || (doubt.bits() != 0 && decide(at)))
}
