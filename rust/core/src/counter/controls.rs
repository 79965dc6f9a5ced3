//! What do these cores and this memory give to anybody? Two works beside which the counter's speed can be judged.
//!
//! Both are handed out as a text's chunks are, to the same threads. *Reading* does nothing with a text but load it:
//! nobody counts faster than that. *Spinning* touches no memory: what it lacks to twice the speed on two cores is
//! the price of the threads themselves, and of cores that slow each other down or belong to others.

use super::chunks::{chunk_bytes, taken};
use super::lanes::{Lanes, Plain};
use super::pool::{self, Helpers};

/// How many registers gather what is read, so that no load waits for the one before.
const GATHERED: usize = 8;

/// Is every byte of the text ASCII? Each is loaded, whatever those before it were, by the calling thread.
#[must_use]
pub fn read_sequential(text: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the feature that the function is compiled for, as just asked.
            return unsafe { read_avx2(text) };
        }
        read::<super::lanes::x86::Sse2>(text)
    }
    #[cfg(not(target_arch = "x86_64"))]
    read::<Plain<16>>(text)
}

/// Is every byte of the text ASCII? The same as [`read_sequential`], by the calling thread and the shared pool.
#[must_use]
pub fn read_parallel(text: &[u8]) -> bool {
    let helpers = pool::shared();
    let chunk = helpers.map_or(text.len().max(1), |helpers| chunk_bytes(text.len(), helpers));
    taken(text.len(), chunk, helpers, || true, |all, chunk| all & read_sequential(&text[chunk]))
        .into_iter()
        .all(|all| all)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(text: &[u8]) -> bool {
    read::<super::lanes::x86::Avx2>(text)
}

#[inline(always)]
fn read<L: Lanes>(text: &[u8]) -> bool {
    let mut gathered = [L::splat(0); GATHERED];
    let mut pieces = text.chunks_exact(GATHERED * L::N);
    for piece in &mut pieces {
        for (n, register) in gathered.iter_mut().enumerate() {
            *register = register.or(L::load(&piece[n * L::N..]));
        }
    }
    let mut all =
        Plain::<1>::splat(pieces.remainder().iter().fold(0, |all, byte| all | byte)).at_most(0x7F).bits() != 0;
    for register in gathered {
        all &= register.at_most(0x7F).bits().count_ones() as usize == L::N;
    }
    all
}

/// Turns a wheel `n_turns` times for each of `n_chunks` chunks, by the calling thread; where does it stand at the end?
#[must_use]
pub fn spin_sequential(n_chunks: usize, n_turns: usize) -> u64 {
    spin(n_chunks, n_turns, None)
}

/// The same as [`spin_sequential`], by the calling thread and the shared pool.
#[must_use]
pub fn spin_parallel(n_chunks: usize, n_turns: usize) -> u64 {
    spin(n_chunks, n_turns, pool::shared())
}

fn spin(n_chunks: usize, n_turns: usize, helpers: Option<&Helpers>) -> u64 {
    let each = |sum: u64, chunk: std::ops::Range<usize>| sum.wrapping_add(turned(chunk.start as u64, n_turns));
    taken(n_chunks, 1, helpers, || 0, each).into_iter().fold(0, u64::wrapping_add)
}

/// A step waits for the one before, and is no linear map: those a compiler joins, several to one.
fn turned(start: u64, n_turns: usize) -> u64 {
    (0..n_turns).fold(start, |at, _| (at ^ (at >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_sees_each_byte_in_each_place() {
        for length in (0..600).chain([5_000_000]) {
            let mut text = vec![b'a'; length];
            assert!(read_sequential(&text) && read_parallel(&text), "{length}");
            for at in (0..length.min(600)).chain(length.checked_sub(1)) {
                text[at] = 0x80;
                assert!(!read_sequential(&text), "{at} of {length}");
                text[at] = b'a';
            }
            if let Some(last) = text.last_mut() {
                *last = 0xFF;
                assert!(!read_parallel(&text), "{length}");
            }
        }
    }

    #[test]
    fn spinning_ends_in_one_place_whoever_turns() {
        for (n_chunks, n_turns) in [(0, 10), (1, 0), (7, 1), (1_000, 100)] {
            assert_eq!(spin_sequential(n_chunks, n_turns), spin_parallel(n_chunks, n_turns));
        }
        assert_eq!(spin_sequential(3, 0), 1 + 2);
        assert_ne!(spin_sequential(3, 5), spin_sequential(3, 6));
    }
}
