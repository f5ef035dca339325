//! Giving records their recalibrated qualities.

use genome::base;
use genome::record::RecordView;

use super::empirical::empirical_quality;
use super::table::{Covariate, Datum, QUALITIES, RecalibrationTable};
use crate::covariates::{self, CONTEXTS, MAX_CYCLE, MIN_QUALITY, check, context, cycle};

const CYCLES: usize = 2 * MAX_CYCLE + 1;

/// What a user may choose; GATK's defaults.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ApplyOptions {
    /// `--global-qscore-prior`: the prior's mean for read groups, if above 0.
    pub global_prior: Option<f64>,
    /// Maps each quality to another after recalibration: 94 entries, the identity if none.
    pub quantized: Option<Vec<u8>>,
    /// `--allow-missing-read-group`: what no row speaks of is quantised only.
    pub allow_missing_read_group: bool,
}

/// Whether a record got new qualities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did.
    Recalibrated,
    /// The table does not know its read group.
    UnknownReadGroup,
}

/// What one reported quality of a read group becomes.
#[derive(Debug, Clone)]
struct Level {
    /// The quality without regard to cycle and context.
    quality: i32,
    contexts: [i8; CONTEXTS],
    cycles: Box<[i8; CYCLES]>,
}

/// A table made ready to be applied: one lookup a base and covariate.
#[derive(Debug, Clone)]
pub struct Recalibrator {
    /// By read group key × quality; `None` for a read group that the table does not know.
    groups: Vec<Option<Vec<Level>>>,
    quantized: Vec<u8>,
    allow_missing: bool,
}

impl Recalibrator {
    /// Makes a table ready for read groups with these names by key.
    pub fn new(table: &RecalibrationTable, names: &[String], options: &ApplyOptions) -> Self {
        let identity = || (0..QUALITIES as u8).collect();
        let group = |name: &String| levels(table, name, options);
        Self {
            groups: names.iter().map(group).collect(),
            quantized: options.quantized.clone().unwrap_or_else(identity),
            allow_missing: options.allow_missing_read_group,
        }
    }

    /// Writes the recalibrated qualities of a record, clipped bases included.
    ///
    /// # Errors
    /// [`covariates::Error`] if the record is longer than recalibration allows or has a wrong
    /// quality.
    pub fn recalibrate(
        &self,
        record: &RecordView<'_>,
        read_group: Option<u16>,
        qualities: &mut Vec<u8>,
    ) -> Result<Outcome, covariates::Error> {
        let reported = record.qualities();
        check(record, reported)?;
        qualities.clear();
        qualities.extend_from_slice(reported);
        let group = read_group.and_then(|key| self.groups.get(usize::from(key))?.as_ref());
        let Some(levels) = group else {
            if !self.allow_missing {
                return Ok(Outcome::UnknownReadGroup);
            }
            for quality in qualities
                .iter_mut()
                .filter(|quality| **quality >= MIN_QUALITY)
            {
                *quality = self.quantized[usize::from(*quality)];
            }
            return Ok(Outcome::Recalibrated);
        };
        let codes: Vec<u8> = record.bases().map(base::code).collect();
        let (flags, length) = (record.flags(), codes.len());
        let second = flags.is_paired() && flags.is_second();
        let mut contexts = Vec::new();
        context(&codes, reported, flags.is_reverse(), &mut contexts);
        for (index, quality) in qualities.iter_mut().enumerate() {
            if *quality < MIN_QUALITY {
                continue;
            }
            let level = &levels[usize::from(*quality)];
            let cycle = cycle(index, length, flags.is_reverse(), second);
            let mut sum = level.quality + i32::from(level.cycles[slot(cycle)]);
            if let Some(context) = contexts[index] {
                sum += i32::from(level.contexts[usize::from(context)]);
            }
            *quality = self.quantized[sum.clamp(1, QUALITIES as i32 - 1) as usize];
        }
        Ok(Outcome::Recalibrated)
    }
}

const fn slot(cycle: i32) -> usize {
    (cycle + MAX_CYCLE as i32) as usize
}

/// Tabulates the posteriors of a read group: of the group, of each quality, of each covariate.
fn levels(table: &RecalibrationTable, name: &str, options: &ApplyOptions) -> Option<Vec<Level>> {
    let row = table.read_groups.get(name)?;
    let global = options.global_prior.filter(|&prior| prior > 0.0);
    let of_group = posterior(&row.datum, global.unwrap_or(row.estimated_reported));
    let level = |quality: usize| {
        let datum = table.qualities.get(&(name.to_owned(), quality as u8));
        let quality = datum.map_or(of_group, |datum| posterior(datum, of_group));
        Level {
            quality: quality as i32,
            contexts: [0; CONTEXTS],
            cycles: Box::new([0; CYCLES]),
        }
    };
    let mut levels: Vec<Level> = (0..QUALITIES).map(level).collect();
    let first = (name.to_owned(), 0, Covariate::Cycle(i32::MIN));
    let rows = table.covariates.range(first..);
    for ((_, quality, covariate), datum) in rows.take_while(|((known, ..), _)| known == name) {
        let level = &mut levels[usize::from(*quality)];
        let shift = posterior(datum, f64::from(level.quality)) as i32 - level.quality;
        match covariate {
            Covariate::Cycle(cycle) => level.cycles[slot(*cycle)] = shift as i8,
            Covariate::Context(context) => level.contexts[usize::from(*context)] = shift as i8,
        }
    }
    Some(levels)
}

fn posterior(datum: &Datum, prior_mean: f64) -> f64 {
    empirical_quality(datum.observations, datum.errors, prior_mean)
}
