//! Bytes side by side: what the kernel needs of a vector register, and which registers there are.
//!
//! A lane's truth is a byte of ones or of zeros. Everything is inlined into the kernel's loop, which is compiled once
//! for each kind. (Plain loops over arrays were tried in place of the x86 kinds. They reach the same speed when the
//! compiler sees through them, and a twentieth of it when it does not, from one build to the next.)

use std::array;

/// Bytes side by side.
pub(super) trait Lanes: Copy {
    /// How many, at most 32.
    const N: usize;
    /// The first `N` bytes. Panics if there are fewer.
    fn load(bytes: &[u8]) -> Self;
    fn splat(byte: u8) -> Self;
    fn equal(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// The lanes of `self` where `mask` is not set.
    fn without(self, mask: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn smaller_of(self, other: Self) -> Self;
    /// One bit for each lane's truth, the first lane's lowest.
    fn bits(self) -> u32;

    /// Is a lane at most this byte?
    #[inline(always)]
    fn at_most(self, byte: u8) -> Self {
        self.smaller_of(Self::splat(byte)).equal(self)
    }

    /// Is a lane this byte?
    #[inline(always)]
    fn is(self, byte: u8) -> Self {
        self.equal(Self::splat(byte))
    }
}

/// `N` plain bytes: one, for the positions at a text's ends; more, for processors whose registers are not below.
#[derive(Clone, Copy)]
pub(super) struct Plain<const N: usize>([u8; N]);

impl<const N: usize> Plain<N> {
    #[inline(always)]
    fn each(self, other: Self, f: impl Fn(u8, u8) -> u8) -> Self {
        Self(array::from_fn(|lane| f(self.0[lane], other.0[lane])))
    }
}

impl<const N: usize> Lanes for Plain<N> {
    const N: usize = N;

    #[inline(always)]
    fn load(bytes: &[u8]) -> Self {
        let mut lanes = [0; N];
        lanes.copy_from_slice(&bytes[..N]);
        Self(lanes)
    }

    #[inline(always)]
    fn splat(byte: u8) -> Self {
        Self([byte; N])
    }

    #[inline(always)]
    fn equal(self, other: Self) -> Self {
        self.each(other, |a, b| if a == b { 0xFF } else { 0 })
    }

    #[inline(always)]
    fn and(self, other: Self) -> Self {
        self.each(other, |a, b| a & b)
    }

    #[inline(always)]
    fn or(self, other: Self) -> Self {
        self.each(other, |a, b| a | b)
    }

    #[inline(always)]
    fn without(self, mask: Self) -> Self {
        self.each(mask, |a, b| a & !b)
    }

    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        self.each(other, u8::wrapping_sub)
    }

    #[inline(always)]
    fn smaller_of(self, other: Self) -> Self {
        self.each(other, u8::min)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0.iter().enumerate().fold(0, |bits, (lane, &truth)| bits | (u32::from(truth & 1) << lane))
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8, _mm256_and_si256, _mm256_andnot_si256,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_sub_epi8,
    };

    use super::Lanes;

    /// A register that every x86-64 processor has.
    #[derive(Clone, Copy)]
    pub struct Sse2(__m128i);

    /// A register of AVX2: only code that has asked the processor for it may name this type.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256i);

    macro_rules! lanes {
        ($kind:ident, $n:literal, $load:ident, $splat:ident, $equal:ident, $and:ident, $or:ident,
         $andnot:ident, $sub:ident, $min:ident, $bits:ident) => {
            // Each of these is one instruction, and safe once the processor has it.
            impl Lanes for $kind {
                const N: usize = $n;

                #[inline(always)]
                fn load(bytes: &[u8]) -> Self {
                    let bytes = &bytes[..$n];
                    // SAFETY: the slice has as many bytes as are read, at any alignment; the feature: see the type.
                    Self(unsafe { $load(bytes.as_ptr().cast()) })
                }

                #[inline(always)]
                fn splat(byte: u8) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $splat(byte.cast_signed()) })
                }

                #[inline(always)]
                fn equal(self, other: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $equal(self.0, other.0) })
                }

                #[inline(always)]
                fn and(self, other: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $and(self.0, other.0) })
                }

                #[inline(always)]
                fn or(self, other: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $or(self.0, other.0) })
                }

                #[inline(always)]
                fn without(self, mask: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $andnot(mask.0, self.0) })
                }

                #[inline(always)]
                fn minus(self, other: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $sub(self.0, other.0) })
                }

                #[inline(always)]
                fn smaller_of(self, other: Self) -> Self {
                    // SAFETY: the processor has the feature: see the type.
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                fn bits(self) -> u32 {
                    // SAFETY: the processor has the feature: see the type.
                    unsafe { $bits(self.0) }.cast_unsigned()
                }
            }
        };
    }

    lanes!(
        Sse2,
        16,
        _mm_loadu_si128,
        _mm_set1_epi8,
        _mm_cmpeq_epi8,
        _mm_and_si128,
        _mm_or_si128,
        _mm_andnot_si128,
        _mm_sub_epi8,
        _mm_min_epu8,
        _mm_movemask_epi8
    );
    lanes!(
        Avx2,
        32,
        _mm256_loadu_si256,
        _mm256_set1_epi8,
        _mm256_cmpeq_epi8,
        _mm256_and_si256,
        _mm256_or_si256,
        _mm256_andnot_si256,
        _mm256_sub_epi8,
        _mm256_min_epu8,
        _mm256_movemask_epi8
    );
}
