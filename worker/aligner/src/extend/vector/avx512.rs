//! 32 lanes of 16 bits in a vector of AVX-512.
#![allow(
    unsafe_code,
    clippy::undocumented_unsafe_blocks,
    reason = "said once, below, for all methods"
)]

use super::Lanes;
use std::arch::x86_64::*;

/// Lane `l` holds `l` less a power of two.
const SOURCES: [[u16; 32]; 5] = {
    let mut sources = [[0; 32]; 5];
    let mut power = 0;
    while power < 5 {
        let mut lane = 1 << power;
        while lane < 32 {
            sources[power][lane] = (lane - (1 << power)) as u16;
            lane += 1;
        }
        power += 1;
    }
    sources
};

// SAFETY of all blocks: only the functions that are compiled for AVX-512BW call the methods, and their
// callers know that the CPU has it; each load and store goes through a slice cut to the length.
impl Lanes for __m512i {
    const COUNT: usize = 32;
    #[inline(always)]
    fn splat(value: u16) -> Self {
        unsafe { _mm512_set1_epi16(value.cast_signed()) }
    }
    #[inline(always)]
    fn load(from: &[u16]) -> Self {
        unsafe { _mm512_loadu_si512(from[..32].as_ptr().cast()) }
    }
    #[inline(always)]
    fn store(self, to: &mut [u16]) {
        unsafe { _mm512_storeu_si512(to[..32].as_mut_ptr().cast(), self) }
    }
    #[inline(always)]
    fn plus(self, other: Self) -> Self {
        unsafe { _mm512_adds_epu16(self, other) }
    }
    #[inline(always)]
    fn minus(self, other: Self) -> Self {
        unsafe { _mm512_subs_epu16(self, other) }
    }
    #[inline(always)]
    fn max(self, other: Self) -> Self {
        unsafe { _mm512_max_epu16(self, other) }
    }
    #[inline(always)]
    fn and(self, other: Self) -> Self {
        unsafe { _mm512_and_si512(self, other) }
    }
    #[inline(always)]
    fn or_else(self, mask: Self, other: Self) -> Self {
        unsafe { _mm512_mask_blend_epi16(_mm512_movepi16_mask(mask), other, self) }
    }
    #[inline(always)]
    fn where_positive(self, other: Self) -> Self {
        unsafe { _mm512_maskz_mov_epi16(_mm512_test_epi16_mask(other, other), self) }
    }
    #[inline(always)]
    fn up(self, power: u32) -> Self {
        unsafe {
            let sources = Self::load(&SOURCES[power as usize]);
            _mm512_maskz_permutexvar_epi16(u32::MAX << (1 << power), sources, self)
        }
    }
    #[inline(always)]
    fn last(self) -> u16 {
        unsafe { _mm_extract_epi16::<7>(_mm512_extracti32x4_epi32::<3>(self)) as u16 }
    }
    #[inline(always)]
    fn top(self) -> u16 {
        unsafe {
            let high = _mm512_extracti64x4_epi64::<1>(self);
            Lanes::max(_mm512_castsi512_si256(self), high).top()
        }
    }
    #[inline(always)]
    fn equal(self, other: Self) -> u32 {
        unsafe { _mm512_cmpeq_epi16_mask(self, other) }
    }
}
