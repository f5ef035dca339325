//! Eight reads a vector, with AVX2 and FMA.
#![allow(unsafe_code, reason = "vector instructions, after the CPU was asked")]

use super::kernel::Group;
use super::lanes::Lanes;
use super::{Pairs, compute_with};
use std::arch::x86_64::*;

/// Computes all pairs, 8 reads at a time.
///
/// # Safety
/// The CPU has AVX2 AND FMA.
#[target_feature(enable = "avx2,fma")]
pub(super) unsafe fn compute(pairs: &Pairs<'_>, results: &mut [f64]) {
    // SAFETY: this function's own condition.
    unsafe {
        compute_with(
            &mut Group::<__m256>::new(),
            &mut Group::<__m256d>::new(),
            pairs,
            results,
        )
    }
}

impl Lanes for __m256 {
    type Number = f32;
    const COUNT: usize = 8;

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe { _mm256_loadu_ps(values[..Self::COUNT].as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe {
            _mm256_storeu_ps(values[..Self::COUNT].as_mut_ptr(), self);
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_add_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_mul_ps(self, other) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, term: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_fmadd_ps(self, factor, term) }
    }

    #[inline(always)]
    unsafe fn flushed(self, limit: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe {
            let keep = _mm256_cmp_ps::<_CMP_GE_OQ>(self, limit);
            _mm256_and_ps(keep, self)
        }
    }
}

impl Lanes for __m256d {
    type Number = f64;
    const COUNT: usize = 4;

    #[inline(always)]
    unsafe fn splat(value: f64) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_set1_pd(value) }
    }

    #[inline(always)]
    unsafe fn load(values: &[f64]) -> Self {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe { _mm256_loadu_pd(values[..Self::COUNT].as_ptr()) }
    }

    #[inline(always)]
    unsafe fn store(self, values: &mut [f64]) {
        // SAFETY: the caller vouches for the CPU's features; the slice is long enough.
        unsafe {
            _mm256_storeu_pd(values[..Self::COUNT].as_mut_ptr(), self);
        }
    }

    #[inline(always)]
    unsafe fn plus(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_add_pd(self, other) }
    }

    #[inline(always)]
    unsafe fn times(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_mul_pd(self, other) }
    }

    #[inline(always)]
    unsafe fn times_plus(self, factor: Self, term: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe { _mm256_fmadd_pd(self, factor, term) }
    }

    #[inline(always)]
    unsafe fn flushed(self, limit: Self) -> Self {
        // SAFETY: the caller vouches for the CPU's features.
        unsafe {
            let keep = _mm256_cmp_pd::<_CMP_GE_OQ>(self, limit);
            _mm256_and_pd(keep, self)
        }
    }
}
