//! A row of the banded global alignment, sixteen columns at a time; the twin is the loop over
//! columns in [`crate::global`].
//!
//! M and E follow from the row before, and gaps open from M alone, so that F\[j\] = max over k < j
//! of M\[k\] - first - (j - 1 - k) further is a running maximum, found in log2 steps within a vector
//! and carried into the next. Scores have 32 bits, so that reads of any length fit.
#![allow(
    unsafe_code,
    reason = "calling a version after the CPU was asked, loading and storing vectors"
)]

use super::level::Level;
#[cfg(target_arch = "x86_64")]
use crate::global::{
    DELETION_GOES_ON, FROM_DELETION, FROM_INSERTION, INSERTION_GOES_ON, MINUS_INFINITY,
};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// Columns that are computed together; slices are this much longer than the row.
pub(crate) const LANES: usize = 16;

/// What a row is computed from, and where it goes. Behind the last column all is overwritten up
/// to a multiple of the lanes.
pub(crate) struct GlobalRow<'a> {
    /// Number of columns.
    pub columns: usize,
    /// Scores of the base of the row.
    pub scores: &'a [i8],
    /// H of the row before, from the column left of the first on; then that of this row, from the
    /// first column on, one further to the right.
    pub h: &'a mut [i32],
    /// E of this row; then of the next.
    pub e: &'a mut [i32],
    /// Where H, E and F come from.
    pub origins: &'a mut [u8],
    /// What the first base of a deletion and each further one costs, then of an insertion.
    pub costs: [i32; 4],
}

impl GlobalRow<'_> {
    /// Computes the row if the level has vectors for it, and says so; what stands left of it is
    /// for the caller to put into `h` afterwards.
    pub fn fill(&mut self, level: Level) -> bool {
        #[cfg(target_arch = "x86_64")]
        if level.min(Level::detected()) == Level::Avx512 {
            // SAFETY: the CPU has just said that it knows AVX-512.
            unsafe { fill_avx512(self) };
            return true;
        }
        let _has_no_vectors = level;
        false
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn fill_avx512(row: &mut GlobalRow<'_>) {
    let [
        open_deletion,
        extend_deletion,
        open_insertion,
        extend_insertion,
    ] = row.costs.map(|cost| _mm512_set1_epi32(cost));
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let ramp = _mm512_mullo_epi32(lanes, extend_insertion);
    let whole_ramp = _mm512_slli_epi32::<4>(extend_insertion);
    // With j times what a further base costs added, F does not fall along the row.
    let opening_cost = _mm512_sub_epi32(_mm512_sub_epi32(open_insertion, extend_insertion), ramp);
    let least = _mm512_set1_epi32(MINUS_INFINITY);
    let mut f_first = least;
    let mut next = load(row.h, 0);
    for at in (0..row.columns).step_by(LANES) {
        let m = _mm512_add_epi32(next, scores(row.scores, at));
        next = load(row.h, at + LANES);
        let e = load(row.e, at);
        let extended = _mm512_sub_epi32(e, extend_deletion);
        let opened = _mm512_sub_epi32(m, open_deletion);
        store(_mm512_max_epi32(extended, opened), row.e, at);
        let opening = _mm512_sub_epi32(m, opening_cost);
        let highest = running_max(opening, least);
        let before = _mm512_alignr_epi32::<15>(highest, f_first);
        let slanted = _mm512_max_epi32(before, f_first);
        let f = _mm512_sub_epi32(slanted, ramp);
        let best = _mm512_max_epi32(m, e);
        store(_mm512_max_epi32(best, f), row.h, at + 1);
        let deletion = _mm512_cmplt_epi32_mask(m, e);
        let insertion = _mm512_cmplt_epi32_mask(best, f);
        let from = _mm512_maskz_set1_epi32(deletion, i32::from(FROM_DELETION));
        let from = _mm512_mask_set1_epi32(from, insertion, i32::from(FROM_INSERTION));
        let goes_on = _mm512_cmpgt_epi32_mask(extended, opened);
        let deletion = _mm512_maskz_set1_epi32(goes_on, i32::from(DELETION_GOES_ON));
        let goes_on = _mm512_cmpgt_epi32_mask(slanted, opening);
        let insertion = _mm512_maskz_set1_epi32(goes_on, i32::from(INSERTION_GOES_ON));
        let from = _mm512_or_si512(from, _mm512_or_si512(deletion, insertion));
        let origins = &mut row.origins[at..at + LANES];
        // SAFETY: the slice has as many bytes as are stored.
        unsafe { _mm_storeu_si128(origins.as_mut_ptr().cast(), _mm512_cvtepi32_epi8(from)) };
        let last = _mm512_permutexvar_epi32(_mm512_set1_epi32(15), highest);
        f_first = _mm512_sub_epi32(_mm512_max_epi32(last, f_first), whole_ramp);
    }
}

/// Returns the maximum of each lane and those before it.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn running_max(lanes: __m512i, least: __m512i) -> __m512i {
    let lanes = _mm512_max_epi32(lanes, _mm512_alignr_epi32::<15>(lanes, least));
    let lanes = _mm512_max_epi32(lanes, _mm512_alignr_epi32::<14>(lanes, least));
    let lanes = _mm512_max_epi32(lanes, _mm512_alignr_epi32::<12>(lanes, least));
    _mm512_max_epi32(lanes, _mm512_alignr_epi32::<8>(lanes, least))
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn scores(from: &[i8], at: usize) -> __m512i {
    let from = &from[at..at + LANES];
    // SAFETY: the slice has as many bytes as are loaded.
    _mm512_cvtepi8_epi32(unsafe { _mm_loadu_si128(from.as_ptr().cast()) })
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn load(from: &[i32], at: usize) -> __m512i {
    let from = &from[at..at + LANES];
    // SAFETY: the slice has as many lanes as are loaded.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx2")]
fn store(lanes: __m512i, to: &mut [i32], at: usize) {
    let to = &mut to[at..at + LANES];
    // SAFETY: the slice has as many lanes as are stored.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), lanes) }
}
