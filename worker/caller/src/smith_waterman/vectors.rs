//! The cells of a diagonal with the widest vectors that the CPU has.
//!
//! All widths compute the same integers: the code is one, compiled three times.
#![allow(unsafe_code, reason = "code for vectors, after the CPU was asked")]

use super::Parameters;
use super::diagonals::{self, Inputs, Results};

/// Computes the cells of a diagonal.
pub(super) fn cells(inputs: &Inputs<'_>, results: &mut Results<'_>, parameters: &Parameters) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw") {
            // SAFETY: the CPU has AVX512F and AVX512BW.
            return unsafe { with_avx512(inputs, results, parameters) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has AVX2.
            return unsafe { with_avx2(inputs, results, parameters) };
        }
    }
    diagonals::cells(inputs, results, parameters);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw")]
fn with_avx512(inputs: &Inputs<'_>, results: &mut Results<'_>, parameters: &Parameters) {
    diagonals::cells(inputs, results, parameters);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn with_avx2(inputs: &Inputs<'_>, results: &mut Results<'_>, parameters: &Parameters) {
    diagonals::cells(inputs, results, parameters);
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use crate::smith_waterman::READ_TO_HAPLOTYPE;

    /// Computes 37 cells of arbitrary numbers and returns all results.
    fn computed(cells: impl Fn(&Inputs<'_>, &mut Results<'_>, &Parameters)) -> Vec<Vec<i32>> {
        const COUNT: usize = 37;
        let numbers = |seed: usize| -> Vec<i32> {
            (0..COUNT)
                .map(|at| ((at * 7919 + seed * 104_729) % 97) as i32 - 40)
                .collect()
        };
        let letters = |seed: usize| -> Vec<u8> {
            (0..COUNT)
                .map(|at| b"ACGT"[(at * seed + at / 3) % 4])
                .collect()
        };
        let mut out = vec![vec![0; COUNT]; 5];
        let mut steps = vec![0i16; COUNT];
        let [scores, down, down_lengths, right, right_lengths] = &mut out[..] else {
            return Vec::new();
        };
        let mut results = Results {
            scores,
            down: (down, down_lengths),
            right: (right, right_lengths),
            steps: &mut steps,
        };
        let inputs = Inputs {
            target: &letters(3),
            query: &letters(5),
            both_before: &numbers(1),
            above: &numbers(2),
            left: &numbers(3),
            down: (&numbers(4), &numbers(5)),
            right: (&numbers(6), &numbers(7)),
        };
        cells(&inputs, &mut results, &READ_TO_HAPLOTYPE);
        out.push(steps.into_iter().map(i32::from).collect());
        out
    }

    #[test]
    fn all_widths_compute_the_same_cells() {
        let expected = computed(diagonals::cells);
        assert_eq!(computed(cells), expected);
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has AVX2.
            assert_eq!(computed(|a, b, c| unsafe { with_avx2(a, b, c) }), expected);
        }
    }
}
