//! Counts matches in blocks of positions side by side.
//!
//! For all positions of a block at once:
//!
//! 1. compare the bytes that a match would have there with the needle, one needle byte after the other, each time
//!    over the whole block (the same block of the text, moved by one);
//! 2. let the rule judge the byte before and the byte behind: *sure* matches are counted by their bits, *doubtful*
//!    ones (rare) are decided one by one.
//!
//! A short needle costs what an absent one costs: there is no jump to predict and no search to start anew. Of a
//! longer one the first and the last byte are compared first, and the inner bytes and the bytes around only in
//! blocks where those fit: in natural text that is where the word stands.
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

/// Short needles have a copy of the loop for each length: the number of comparisons is then no loop of its own.
#[inline(always)]
pub(super) fn by_length<J: Judge, L: Lanes>(text: &[u8], needle: &[u8], decide: impl Fn(usize) -> bool) -> usize {
    match needle.len() {
        0 => 0,
        1 => positions::<J, L, 1>(text, needle, decide),
        2 => positions::<J, L, 2>(text, needle, decide),
        3 => positions::<J, L, 3>(text, needle, decide),
        4 => positions::<J, L, 4>(text, needle, decide),
        _ => positions::<J, L, LONG>(text, needle, decide),
    }
}

/// In place of a length: longer than the lengths that have a loop of their own.
const LONG: usize = 0;

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
    // A block reads from the byte before its first position to the byte behind its last match.
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

/// Which positions of a block are sure, which in doubt? The window begins a byte before the first position.
#[inline(always)]
fn block<J: Judge, L: Lanes, const N: usize>(window: &[u8], needle: &[u8]) -> (u32, u32) {
    let length = if N == LONG { needle.len() } else { N };
    let mut all;
    if N == LONG {
        all = same::<J, L>(window, needle, 0).and(same::<J, L>(window, needle, length - 1));
        if all.bits() == 0 {
            return (0, 0);
        }
        for n in 1..length - 1 {
            all = all.and(same::<J, L>(window, needle, n));
        }
    } else {
        all = same::<J, L>(window, needle, 0);
        for n in 1..N {
            all = all.and(same::<J, L>(window, needle, n));
        }
    }
    let (sure, doubt) = J::around(L::load(window), L::load(&window[length + 1..]));
    (sure.and(all).bits(), doubt.and(all).bits())
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
