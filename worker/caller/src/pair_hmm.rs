//! How likely a haplotype gives a read: the pair hidden Markov model.
//!
//! [`PairHmm::likelihoods`] takes all reads of a region with all its haplotypes. The recurrence is
//! written once (`kernel`) and compiled for plain numbers, AVX2 and AVX-512, a read in each lane;
//! all give the same bits. Single precision comes first; where its sum is too small, everything
//! again in double precision. Reads with equal bases and qualities are computed once.
#![allow(
    unsafe_code,
    reason = "kernels for CPU features that are asked for first"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod kernel;
mod lanes;
mod probabilities;
mod scalar;

use genome::base;
use kernel::Group;
use lanes::{Lanes, Number};

/// Sums in single precision below this are computed again in double precision.
const SMALLEST_SINGLE_SUM: f32 = 1e-28;

/// A read as the model sees it; all slices have the read's length, at least 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadQualities<'a> {
    /// Upper-case letters.
    pub bases: &'a [u8],
    /// Phred qualities of the bases.
    pub base_qualities: &'a [u8],
    /// Phred qualities of no insertion after each base.
    pub insertion_qualities: &'a [u8],
    /// Phred qualities of no deletion after each base.
    pub deletion_qualities: &'a [u8],
}

/// Which instructions are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Those of any CPU.
    Scalar,
    /// AVX2 and FMA.
    Avx2,
    /// AVX-512F.
    Avx512,
}

impl Level {
    /// Returns the levels of this CPU, the best last.
    pub fn available() -> Vec<Self> {
        let mut levels = vec![Self::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                levels.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                levels.push(Self::Avx512);
            }
        }
        levels
    }
}

/// The model, for the best instructions of this CPU or for lower ones.
#[derive(Debug, Clone, Copy)]
pub struct PairHmm {
    level: Level,
    gap_continuation: u8,
}

/// The reads and haplotypes of one computation.
struct Pairs<'a> {
    /// Distinct, by falling length.
    reads: &'a [ReadQualities<'a>],
    /// Base codes of each haplotype.
    haplotypes: &'a [Vec<u8>],
    gap_continuation: u8,
}

impl PairHmm {
    /// Makes the model; `gap_continuation` is the Phred quality of a gap that goes on.
    pub fn new(gap_continuation: u8) -> Self {
        let level = Level::available().into_iter().max();
        Self {
            level: level.unwrap_or(Level::Scalar),
            gap_continuation,
        }
    }

    /// Uses lower instructions where the CPU has better ones; results are the same.
    pub fn at_most(self, level: Level) -> Self {
        Self {
            level: self.level.min(level),
            ..self
        }
    }

    /// Returns log10 P(read | haplotype): for each read its row of all haplotypes.
    ///
    /// Time O(read length · haplotype length) a pair.
    pub fn likelihoods(&self, reads: &[ReadQualities<'_>], haplotypes: &[&[u8]]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..reads.len()).collect();
        let key = |&index: &usize| (std::cmp::Reverse(reads[index].bases.len()), reads[index]);
        order.sort_unstable_by_key(key);
        let mut distinct: Vec<ReadQualities<'_>> = Vec::with_capacity(reads.len());
        let mut place = vec![0; reads.len()];
        for index in order {
            if distinct.last() != Some(&reads[index]) {
                distinct.push(reads[index]);
            }
            place[index] = distinct.len() - 1;
        }
        let codes = |letters: &&[u8]| letters.iter().map(|&letter| base::code(letter)).collect();
        let pairs = Pairs {
            reads: &distinct,
            haplotypes: &haplotypes.iter().map(codes).collect::<Vec<_>>(),
            gap_continuation: self.gap_continuation,
        };
        let mut results = vec![0.0; distinct.len() * haplotypes.len()];
        self.compute(&pairs, &mut results);
        let row = |at: usize| &results[at * haplotypes.len()..(at + 1) * haplotypes.len()];
        place.into_iter().flat_map(|at| row(at).to_vec()).collect()
    }

    fn compute(&self, pairs: &Pairs<'_>, results: &mut [f64]) {
        match self.level {
            // SAFETY: the level is one of those that the CPU has, see `new`.
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512::compute(pairs, results) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2::compute(pairs, results) },
            // SAFETY: plain numbers need no feature.
            _ => unsafe {
                compute_with(
                    &mut Group::<f32>::new(),
                    &mut Group::<f64>::new(),
                    pairs,
                    results,
                );
            },
        }
    }
}

/// Computes all pairs with vectors of one width.
///
/// # Safety
/// The CPU has the features of `S` and `D`.
#[inline(always)]
unsafe fn compute_with<S: Lanes<Number = f32>, D: Lanes<Number = f64>>(
    single: &mut Group<S>,
    double: &mut Group<D>,
    pairs: &Pairs<'_>,
    results: &mut [f64],
) {
    let width = pairs.haplotypes.len();
    let mut sums = vec![0.0; S::COUNT];
    let mut too_small = Vec::new();
    for (group, reads) in pairs.reads.chunks(S::COUNT).enumerate() {
        let gap = pairs.gap_continuation;
        // SAFETY: the caller vouches for the CPU.
        unsafe { single.set_reads(reads) };
        for (column, haplotype) in pairs.haplotypes.iter().enumerate() {
            // SAFETY: as above.
            unsafe { single.sums::<false>(haplotype, gap, &mut sums) };
            if sums[..reads.len()].iter().any(|&sum| sum < f32::RELIABLE) {
                // SAFETY: as above.
                unsafe { single.sums::<true>(haplotype, gap, &mut sums) };
            }
            for (lane, &sum) in sums[..reads.len()].iter().enumerate() {
                let read = group * S::COUNT + lane;
                results[read * width + column] = sum.unscaled_log10();
                if sum < SMALLEST_SINGLE_SUM {
                    too_small.push((column, read));
                }
            }
        }
    }
    // SAFETY: as above.
    unsafe { again_in_double(double, pairs, too_small, results) };
}

/// Computes single pairs of (haplotype, read) in double precision.
///
/// # Safety
/// The CPU has the features of `D`.
#[inline(always)]
unsafe fn again_in_double<D: Lanes<Number = f64>>(
    double: &mut Group<D>,
    pairs: &Pairs<'_>,
    mut selected: Vec<(usize, usize)>,
    results: &mut [f64],
) {
    let mut sums = vec![0.0; D::COUNT];
    selected.sort_unstable();
    for same_haplotype in selected.chunk_by(|a, b| a.0 == b.0) {
        for chunk in same_haplotype.chunks(D::COUNT) {
            let reads: Vec<_> = chunk.iter().map(|&(_, read)| pairs.reads[read]).collect();
            let column = chunk[0].0;
            let haplotype = &pairs.haplotypes[column];
            // SAFETY: the caller vouches for the CPU.
            unsafe {
                double.set_reads(&reads);
                double.sums::<true>(haplotype, pairs.gap_continuation, &mut sums);
            }
            for (&(_, read), &sum) in chunk.iter().zip(&sums) {
                results[read * pairs.haplotypes.len() + column] = sum.unscaled_log10();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // Recorded from GATK 4.6.2 with its AVX-512 kernel; see tests/data/README.md.
    #[test]
    fn recorded_likelihoods_come_out_again() {
        let text = include_str!("../tests/data/pair_hmm.txt");
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let qualities = |word: &str| word.bytes().map(|byte| byte - 33).collect::<Vec<u8>>();
            let lines = [
                words[1].as_bytes().to_vec(),
                qualities(words[2]),
                qualities(words[3]),
                qualities(words[4]),
            ];
            let value = PairHmm::new(10).likelihoods(&[as_read(&lines)], &[words[0].as_bytes()])[0];
            let recorded: f64 = words[6].parse().unwrap();
            assert!((value / recorded - 1.0).abs() < 5e-7, "{value} {recorded}");
        }
        assert!(text.lines().count() >= 12);
    }

    fn sequence(lengths: std::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(b"ACGTN".to_vec()), lengths)
    }

    /// Bases, then base, insertion and deletion qualities.
    fn read() -> impl Strategy<Value = [Vec<u8>; 4]> {
        sequence(1..70).prop_flat_map(|bases| {
            let qualities = || prop::collection::vec(6u8..60, bases.len());
            (qualities(), qualities(), qualities()).prop_map(move |(base, insertion, deletion)| {
                [bases.clone(), base, insertion, deletion]
            })
        })
    }

    fn as_read([bases, base, insertion, deletion]: &[Vec<u8>; 4]) -> ReadQualities<'_> {
        ReadQualities {
            bases,
            base_qualities: base,
            insertion_qualities: insertion,
            deletion_qualities: deletion,
        }
    }

    proptest! {
        #[test]
        fn every_level_gives_the_same_bits(
            reads in prop::collection::vec(read(), 1..40),
            haplotypes in prop::collection::vec(sequence(1..90), 1..4),
        ) {
            let reads: Vec<_> = reads.iter().map(as_read).collect();
            let haplotypes: Vec<&[u8]> = haplotypes.iter().map(Vec::as_slice).collect();
            let bits = |level| -> Vec<u64> {
                let model = PairHmm::new(10).at_most(level);
                let values = model.likelihoods(&reads, &haplotypes);
                values.into_iter().map(f64::to_bits).collect()
            };
            let expected = bits(Level::Scalar);
            for level in Level::available() {
                prop_assert_eq!(bits(level), expected.clone(), "{:?}", level);
            }
        }

        #[test]
        fn forward_sum_equals_the_sum_over_all_alignments(
            read in sequence(1..5), haplotype in sequence(1..5), quality in 6u8..40,
        ) {
            let qualities = vec![quality; read.len()];
            let lines = [read, qualities.clone(), qualities.clone(), qualities];
            let value = PairHmm::new(10).likelihoods(&[as_read(&lines)], &[&haplotype])[0];
            let start = 1.0 / haplotype.len() as f64;
            let truth: f64 = (0..=haplotype.len())
                .map(|column| start * enumerate(&lines[0], &haplotype[column..], quality, State::Deletion, true))
                .sum();
            prop_assert!((value - genome::maths::log10(truth)).abs() < 1e-4, "{} {}", value, truth);
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum State {
        Match,
        Insertion,
        Deletion,
    }

    /// Sums over all paths that use up the read; the haplotype's end is free.
    fn enumerate(read: &[u8], haplotype: &[u8], quality: u8, state: State, first: bool) -> f64 {
        let end = match state {
            State::Deletion => 0.0,
            _ => 1.0,
        };
        if read.is_empty() {
            return end;
        }
        let gap = genome::maths::pow10(-f64::from(quality) / 10.0);
        let (to_match, to_insertion, to_deletion) = match state {
            State::Match => (1.0 - 2.0 * gap, gap, gap),
            State::Insertion => (0.9, 0.1, 0.0),
            State::Deletion => (0.9, 0.0, if first { 0.0 } else { 0.1 }),
        };
        let mut sum = 0.0;
        if to_insertion > 0.0 {
            sum +=
                to_insertion * enumerate(&read[1..], haplotype, quality, State::Insertion, false);
        }
        if let Some((&letter, rest)) = haplotype.split_first() {
            let is_equal = letter == read[0] || letter == b'N' || read[0] == b'N';
            let emission = if is_equal { 1.0 - gap } else { gap / 3.0 };
            sum += to_match * emission * enumerate(&read[1..], rest, quality, State::Match, false);
            if to_deletion > 0.0 {
                sum += to_deletion * enumerate(read, rest, quality, State::Deletion, false);
            }
        }
        sum
    }
}
