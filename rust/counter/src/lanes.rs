//! Vector registers of bytes, as the kernel uses them.
//!
//! A lane is true if all its bits are set and false if none is. Everything is inlined into the kernel's loop, which is
//! compiled once for each type. (Plain loops over arrays, instead of the x86 types, reach the same speed if the compiler
//! vectorises them and a twentieth of it if not, which changed from one build to the next.)

use std::array;

/// A fixed number of bytes.
pub(crate) trait Lanes: Copy {
    /// The number of bytes, at most 32.
    const N: usize;
    /// Loads the first `N` bytes. Panics if there are fewer.
    fn load(bytes: &[u8]) -> Self;
    fn splat(byte: u8) -> Self;
    fn equal(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
    fn or(self, other: Self) -> Self;
    /// Returns the bits of `self` that are not set in `mask`.
    fn without(self, mask: Self) -> Self;
    fn minus(self, other: Self) -> Self;
    fn min(self, other: Self) -> Self;
    /// Returns one bit for each lane, the first lane's lowest.
    fn bits(self) -> u32;

    /// Returns which lanes are at most this byte.
    #[inline(always)]
    fn at_most(self, byte: u8) -> Self {
        self.min(Self::splat(byte)).equal(self)
    }

    /// Returns which lanes equal this byte.
    #[inline(always)]
    fn is(self, byte: u8) -> Self {
        self.equal(Self::splat(byte))
    }
}

/// `N` plain bytes: one for single positions; more for processors without a type below.
#[derive(Clone, Copy)]
pub(crate) struct Plain<const N: usize>([u8; N]);

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
    fn min(self, other: Self) -> Self {
        self.each(other, u8::min)
    }

    #[inline(always)]
    fn bits(self) -> u32 {
        self.0.iter().enumerate().fold(0, |bits, (lane, &truth)| bits | (u32::from(truth & 1) << lane))
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::{
        __m128i, __m256i, _mm_and_si128, _mm_andnot_si128, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8,
        _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_sub_epi8, _mm256_and_si256, _mm256_andnot_si256,
        _mm256_cmpeq_epi8, _mm256_loadu_si256, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_or_si256,
        _mm256_set1_epi8, _mm256_sub_epi8,
    };

    use super::Lanes;

    /// An SSE2 register. Every x86-64 processor has SSE2.
    #[derive(Clone, Copy)]
    pub struct Sse2(__m128i);

    /// An AVX2 register. Only functions compiled for AVX2 (`#[target_feature]`) use this type, and calling one of those is
    /// unsafe unless the processor has the feature.
    #[derive(Clone, Copy)]
    pub struct Avx2(__m256i);

    macro_rules! lanes {
        ($kind:ident, $n:literal, $load:ident, $splat:ident, $equal:ident, $and:ident, $or:ident,
         $andnot:ident, $sub:ident, $min:ident, $bits:ident) => {
            impl Lanes for $kind {
                const N: usize = $n;

                #[inline(always)]
                fn load(bytes: &[u8]) -> Self {
                    let bytes = &bytes[..$n];
                    // SAFETY: the slice has as many bytes as the unaligned load reads. The processor has the
                    // feature: see the type.
                    Self(unsafe { $load(bytes.as_ptr().cast()) })
                }

                #[inline(always)]
                fn splat(byte: u8) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $splat(byte.cast_signed()) })
                }

                #[inline(always)]
                fn equal(self, other: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $equal(self.0, other.0) })
                }

                #[inline(always)]
                fn and(self, other: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $and(self.0, other.0) })
                }

                #[inline(always)]
                fn or(self, other: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $or(self.0, other.0) })
                }

                #[inline(always)]
                fn without(self, mask: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $andnot(mask.0, self.0) })
                }

                #[inline(always)]
                fn minus(self, other: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $sub(self.0, other.0) })
                }

                #[inline(always)]
                fn min(self, other: Self) -> Self {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
                    Self(unsafe { $min(self.0, other.0) })
                }

                #[inline(always)]
                fn bits(self) -> u32 {
                    // SAFETY: the instruction uses registers only, and the processor has the feature: see the type.
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
