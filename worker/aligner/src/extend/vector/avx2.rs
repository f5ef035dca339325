//! 16 lanes of 16 bits in a vector of AVX2.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "said once, below, for all methods"
)]

use super::Lanes;
use std::arch::x86_64::*;

// SAFETY of all blocks: only the functions that are compiled for AVX2 call the methods, and their
// callers know that the CPU has it; each load and store goes through a slice cut to the length.
impl Lanes for __m256i {
    const COUNT: usize = 16;
    #[inline(always)]
    fn splat(value: u16) -> Self {
        unsafe { _mm256_set1_epi16(value.cast_signed()) }
    }
    #[inline(always)]
    fn load(from: &[u16]) -> Self {
        unsafe { _mm256_loadu_si256(from[..16].as_ptr().cast()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [u16]) {
        unsafe { _mm256_storeu_si256(to[..16].as_mut_ptr().cast(), self) }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { _mm256_adds_epu16(self, other) }
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        unsafe { _mm256_subs_epu16(self, other) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe { _mm256_max_epu16(self, other) }
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        unsafe { _mm256_and_si256(self, other) }
    }
    #[inline(always)]
    fn or_else(self, mask: Self, other: Self) -> Self {
        unsafe { _mm256_blendv_epi8(other, self, mask) }
    }
    #[inline(always)]
    fn where_positive(self, other: Self) -> Self {
        unsafe { _mm256_andnot_si256(_mm256_cmpeq_epi16(other, _mm256_setzero_si256()), self) }
    }
    #[inline(always)]
    fn up(self, power: u32) -> Self {
        unsafe {
            let low_up = _mm256_permute2x128_si256::<0x08>(self, self);
            match power {
                0 => _mm256_alignr_epi8::<14>(self, low_up),
                1 => _mm256_alignr_epi8::<12>(self, low_up),
                2 => _mm256_alignr_epi8::<8>(self, low_up),
                _ => low_up,
            }
        }
    }
    #[inline(always)]
    fn last(self) -> u16 {
        unsafe { _mm256_extract_epi16::<15>(self) as u16 }
    }
    #[inline(always)]
    fn top(self) -> u16 {
        unsafe {
            let high = _mm256_extracti128_si256::<1>(self);
            let eight = _mm_max_epu16(_mm256_castsi256_si128(self), high);
            let least = _mm_minpos_epu16(_mm_xor_si128(eight, _mm_set1_epi16(-1)));
            !(_mm_extract_epi16::<0>(least) as u16)
        }
    }
    #[inline(always)]
    fn equal(self, other: Self) -> u32 {
        unsafe {
            let bytes = _mm256_movemask_epi8(_mm256_cmpeq_epi16(self, other)).cast_unsigned();
            // Two equal bits a lane: keep every second, and close the gaps.
            let mut bits = bytes & 0x5555_5555;
            bits = (bits | bits >> 1) & 0x3333_3333;
            bits = (bits | bits >> 2) & 0x0F0F_0F0F;
            bits = (bits | bits >> 4) & 0x00FF_00FF;
            (bits | bits >> 8) & 0xFFFF
        }
    }
}
