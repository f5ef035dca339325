//! The recalibration table: what was observed, and the qualities it speaks for.

use std::collections::BTreeMap;

use genome::maths;

use super::empirical::{empirical_quality, error_rate};
use super::quantize::{LEVELS, quantize};
use crate::covariates::{Counts, MAX_CYCLE, MAX_QUALITY, Tally};

/// Qualities from 0 on.
pub(super) const QUALITIES: usize = MAX_QUALITY as usize + 1;

/// Observations of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datum {
    /// Bases seen.
    pub observations: u64,
    /// Mismatches among them: whole, or with two decimals in a report of another tool.
    pub errors: f64,
    /// The quality they speak for, with the reported one as the prior's mean.
    pub empirical: f64,
}

impl Datum {
    fn of(tally: Tally, reported: f64) -> Self {
        let errors = tally.errors as f64;
        Self {
            observations: tally.observations,
            errors,
            empirical: empirical_quality(tally.observations, errors, reported),
        }
    }
}

/// The row of a read group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReadGroupDatum {
    /// Its observations.
    pub datum: Datum,
    /// The quality that its bases claim on average, with four decimals.
    pub estimated_reported: f64,
}

/// What a row of the third table is about; cycles come before contexts, as the report has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Covariate {
    /// The cycle; negative in second reads.
    Cycle(i32),
    /// The context: 4 × the code of the base before + its own.
    Context(u8),
}

/// Read group and reported quality.
pub type QualityKey = (String, u8);

/// Read group, reported quality, covariate.
pub type CovariateKey = (String, u8, Covariate);

/// A recalibration table; read groups go by their names.
#[derive(Debug, Clone, PartialEq)]
pub struct RecalibrationTable {
    /// The largest cycle: GATK's `--maximum-cycle-value`.
    pub max_cycle: usize,
    /// How many bases have each empirical quality, by that quality.
    pub quality_counts: Vec<u64>,
    /// The quantised quality of each quality.
    pub quantized: Vec<u8>,
    /// Rows by read group.
    pub read_groups: BTreeMap<String, ReadGroupDatum>,
    /// Rows by reported quality.
    pub qualities: BTreeMap<QualityKey, Datum>,
    /// Rows by cycle and context.
    pub covariates: BTreeMap<CovariateKey, Datum>,
}

impl Default for RecalibrationTable {
    fn default() -> Self {
        Self {
            max_cycle: MAX_CYCLE,
            quality_counts: Vec::new(),
            quantized: Vec::new(),
            read_groups: BTreeMap::new(),
            qualities: BTreeMap::new(),
            covariates: BTreeMap::new(),
        }
    }
}

impl RecalibrationTable {
    /// Makes the table of counts; `names` are the read groups by key.
    ///
    /// # Panics
    /// If a key has no name.
    pub fn of(counts: &Counts, names: &[String]) -> Self {
        let mut table = Self::default();
        let mut totals: BTreeMap<&str, Vec<(u8, Tally)>> = BTreeMap::new();
        for (read_group, quality, row) in counts.rows() {
            let name = &names[usize::from(read_group)];
            let reported = f64::from(quality);
            totals.entry(name).or_default().push((quality, row.all()));
            let key = (name.clone(), quality);
            table.qualities.insert(key, Datum::of(row.all(), reported));
            let cycles = row
                .cycles()
                .map(|(cycle, tally)| (Covariate::Cycle(cycle), tally));
            let contexts = row.contexts();
            let contexts = contexts.map(|(context, tally)| (Covariate::Context(context), tally));
            for (covariate, tally) in cycles.chain(contexts) {
                let key = (name.clone(), quality, covariate);
                table.covariates.insert(key, Datum::of(tally, reported));
            }
        }
        for (name, rows) in totals {
            table.read_groups.insert(name.to_owned(), read_group(&rows));
        }
        table.quality_counts = table.count_qualities();
        table.quantized = quantize(&table.quality_counts, LEVELS);
        table
    }

    fn count_qualities(&self) -> Vec<u64> {
        let mut counts = vec![0; QUALITIES];
        for datum in self.qualities.values() {
            counts[datum.empirical as usize] += datum.observations;
        }
        counts
    }
}

/// Sums up the rows of a read group, which come in order of quality.
fn read_group(rows: &[(u8, Tally)]) -> ReadGroupDatum {
    let mut sum = Tally::default();
    let mut estimate = 0.0;
    for &(quality, tally) in rows {
        // GATK folds row by row, and takes the estimate so far for the quality of the sum so far.
        let quality = f64::from(quality);
        let before = sum.observations as f64 * error_rate(estimate);
        let here = tally.observations as f64 * error_rate(quality);
        let first = sum.observations == 0;
        sum.merge(&tally);
        estimate = if first {
            quality
        } else {
            -10.0 * maths::log10((before + here) / sum.observations as f64)
        };
    }
    let estimated_reported = (estimate * 10_000.0 + 0.5).floor() / 10_000.0;
    ReadGroupDatum {
        datum: Datum::of(sum, estimated_reported),
        estimated_reported,
    }
}
