//! Two workloads that show what this machine's cores and memory can do, as a scale for the counter's speed.
//!
//! Both run on the same threads, in the same chunks, as counting does. *Reading* only loads a text: no counter is faster.
//! *Spinning* uses no memory: if two cores are less than twice as fast, the rest is the cost of the threads themselves,
//! or of cores that slow each other down or are busy with something else.

use crate::chunks::{chunk_bytes, fold_chunks};
use crate::lanes::{Lanes, Plain};
use crate::pool::{self, Helpers};

/// The number of registers that collect the loaded bytes, so that no load waits for the one before.
const N_REGISTERS: usize = 8;

/// Returns whether every byte of the text is ASCII. The calling thread loads all bytes, whatever they are.
#[must_use]
pub fn read_sequential(text: &[u8]) -> bool {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: `read_avx2` requires AVX2, and the processor has just reported it.
            return unsafe { read_avx2(text) };
        }
        read::<crate::lanes::x86::Sse2>(text)
    }
    #[cfg(not(target_arch = "x86_64"))]
    read::<Plain<16>>(text)
}

/// Does the same as [`read_sequential`] with the calling thread and the shared pool.
#[must_use]
pub fn read_parallel(text: &[u8]) -> bool {
    let helpers = pool::shared();
    let chunk = helpers.map_or(text.len().max(1), |helpers| chunk_bytes(text.len(), helpers));
    fold_chunks(text.len(), chunk, helpers, || true, |all, chunk| all & read_sequential(&text[chunk]))
        .into_iter()
        .all(|all| all)
}

/// Reads with AVX2.
///
/// # Safety
///
/// The processor has AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn read_avx2(text: &[u8]) -> bool {
    read::<crate::lanes::x86::Avx2>(text)
}

#[inline(always)]
fn read<L: Lanes>(text: &[u8]) -> bool {
    let mut registers = [L::splat(0); N_REGISTERS];
    let mut pieces = text.chunks_exact(N_REGISTERS * L::N);
    for piece in &mut pieces {
        for (n, register) in registers.iter_mut().enumerate() {
            *register = register.or(L::load(&piece[n * L::N..]));
        }
    }
    let mut all =
        Plain::<1>::splat(pieces.remainder().iter().fold(0, |all, byte| all | byte)).at_most(0x7F).bits() != 0;
    for register in registers {
        all &= register.at_most(0x7F).bits().count_ones() as usize == L::N;
    }
    all
}

/// Makes `n_steps` dependent steps of arithmetic for each of `n_chunks` chunks with the calling thread. Returns a checksum.
#[must_use]
pub fn spin_sequential(n_chunks: usize, n_steps: usize) -> u64 {
    spin(n_chunks, n_steps, None)
}

/// Does the same as [`spin_sequential`] with the calling thread and the shared pool.
#[must_use]
pub fn spin_parallel(n_chunks: usize, n_steps: usize) -> u64 {
    spin(n_chunks, n_steps, pool::shared())
}

fn spin(n_chunks: usize, n_steps: usize, helpers: Option<&Helpers>) -> u64 {
    let each = |sum: u64, chunk: std::ops::Range<usize>| sum.wrapping_add(steps(chunk.start as u64, n_steps));
    fold_chunks(n_chunks, 1, helpers, || 0, each).into_iter().fold(0, u64::wrapping_add)
}

/// Each step depends on the one before. It is not a linear map, because compilers merge several of those into one.
fn steps(start: u64, n_steps: usize) -> u64 {
    (0..n_steps).fold(start, |at, _| (at ^ (at >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_finds_a_byte_in_each_position() {
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
    fn spinning_has_the_same_checksum_with_any_threads() {
        for (n_chunks, n_steps) in [(0, 10), (1, 0), (7, 1), (1_000, 100)] {
            assert_eq!(spin_sequential(n_chunks, n_steps), spin_parallel(n_chunks, n_steps));
        }
        assert_eq!(spin_sequential(3, 0), 1 + 2);
        assert_ne!(spin_sequential(3, 5), spin_sequential(3, 6));
    }
}
