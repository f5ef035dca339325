//! Sixteen reads a vector, with AVX-512.
#![allow(unsafe_code, reason = "vector instructions, after the CPU was asked")]

use super::kernel::Group;
use super::lanes::Lanes;
use super::{Pairs, compute_with};
use std::arch::x86_64::*;

/// Computes all pairs, 16 reads at a time.
///
/// # Safety
/// The CPU has AVX512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn compute(pairs: &Pairs<'_>, results: &mut [f64]) {
    // SAFETY: this function's own condition.
    unsafe {
        compute_with(
            &mut Group::<__m512>::new(),
            &mut Group::<__m512d>::new(),
            pairs,
            results,
        )
    }
}

impl Lanes for __m512 {
    type Number = f32;
    const COUNT: usize = 16;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe { _mm512_loadu_ps(values[..Self::COUNT].as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe {
            _mm512_storeu_ps(values[..Self::COUNT].as_mut_ptr(), self);
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, term: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_fmadd_ps(self, factor, term) }
    }

    #[inline(always)]
    unsafe fn flushed(self, limit: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe {
            let keep = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(self, limit);
            _mm512_maskz_mov_ps(keep, self)
        }
    }
}

impl Lanes for __m512d {
    type Number = f64;
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(values: &[f64]) -> Self {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe { _mm512_loadu_pd(values[..Self::COUNT].as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f64]) {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe {
            _mm512_storeu_pd(values[..Self::COUNT].as_mut_ptr(), self);
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_add_pd(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_mul_pd(self, other) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, term: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm512_fmadd_pd(self, factor, term) }
    }

    #[inline(always)]
    unsafe fn flushed(self, limit: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe {
            let keep = _mm512_cmp_pd_mask::<_CMP_GE_OQ>(self, limit);
            _mm512_maskz_mov_pd(keep, self)
        }
    }
}
