//! Giving records their recalibrated qualities.

use genome::base;
use genome::record::RecordView;

use super::empirical::empirical_quality;
use super::table::{Covariate, Datum, QUALITIES, RecalibrationTable};
use crate::covariates::{
    self, CONTEXTS, MIN_QUALITY, check, context, cycle, original_qualities, slot,
};

/// What a user may choose; GATK's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyOptions {
    /// `--global-qscore-prior`: the prior's mean for read groups, if above 0.
    pub global_prior: Option<f64>,
    /// Maps each quality to another after recalibration: 94 entries, the identity if none.
    pub quantized: Option<Vec<u8>>,
    /// `--allow-missing-read-group`: what no row speaks of is quantised only.
    pub allow_missing_read_group: bool,
    /// `--preserve-qscores-less-than`: lower qualities stay as they are.
    pub min_quality: u8,
    /// `--use-original-qualities`: starts from the tag `OQ`, where there is one.
    pub original_qualities: bool,
}

impl Default for ApplyOptions {
    fn default() -> Self {
        Self {
            global_prior: None,
            quantized: None,
            allow_missing_read_group: false,
            min_quality: MIN_QUALITY,
            original_qualities: false,
        }
    }
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
    /// By [`slot`]; those of cycles beyond are 0.
    cycles: Vec<i8>,
}

/// A table made ready to be applied: one lookup a base and covariate.
#[derive(Debug, Clone)]
pub struct Recalibrator {
    /// By read group key × quality; `None` for a read group that the table does not know.
    groups: Vec<Option<Vec<Level>>>,
    quantized: Vec<u8>,
    max_cycle: usize,
    options: ApplyOptions,
}

impl Recalibrator {
    /// Makes a table ready for read groups with these names by key.
    pub fn new(table: &RecalibrationTable, names: &[String], options: &ApplyOptions) -> Self {
        let identity = || (0..QUALITIES as u8).collect();
        let group = |name: &String| levels(table, name, options);
        Self {
            groups: names.iter().map(group).collect(),
            quantized: options.quantized.clone().unwrap_or_else(identity),
            max_cycle: table.max_cycle,
            options: options.clone(),
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
        let options = &self.options;
        qualities.clear();
        if !(options.original_qualities && original_qualities(record, qualities)?) {
            qualities.extend_from_slice(record.qualities());
        }
        check(record, qualities, self.max_cycle)?;
        let group = read_group.and_then(|key| self.groups.get(usize::from(key))?.as_ref());
        let Some(levels) = group else {
            if !options.allow_missing_read_group {
                return Ok(Outcome::UnknownReadGroup);
            }
            for quality in qualities
                .iter_mut()
                .filter(|quality| **quality >= options.min_quality)
            {
                *quality = self.quantized[usize::from(*quality)];
            }
            return Ok(Outcome::Recalibrated);
        };
        let mut codes = Vec::new();
        record.append_bases(&mut codes);
        codes
            .iter_mut()
            .for_each(|letter| *letter = base::code(*letter));
        let (flags, length) = (record.flags(), codes.len());
        let second = flags.is_paired() && flags.is_second();
        let mut contexts = Vec::new();
        context(&codes, qualities, flags.is_reverse(), &mut contexts);
        for (index, quality) in qualities.iter_mut().enumerate() {
            if *quality < options.min_quality {
                continue;
            }
            let level = &levels[usize::from(*quality)];
            let cycle = cycle(index, length, flags.is_reverse(), second);
            let shift = level.cycles.get(slot(cycle)).copied();
            let mut sum = level.quality + i32::from(shift.unwrap_or(0));
            if let Some(context) = contexts[index] {
                sum += i32::from(level.contexts[usize::from(context)]);
            }
            *quality = self.quantized[sum.clamp(1, QUALITIES as i32 - 1) as usize];
        }
        Ok(Outcome::Recalibrated)
    }
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
            cycles: Vec::new(),
        }
    };
    let mut levels: Vec<Level> = (0..QUALITIES).map(level).collect();
    let first = (name.to_owned(), 0, Covariate::Cycle(i32::MIN));
    let rows = table.covariates.range(first..);
    for ((_, quality, covariate), datum) in rows.take_while(|((known, ..), _)| known == name) {
        let level = &mut levels[usize::from(*quality)];
        let shift = posterior(datum, f64::from(level.quality)) as i32 - level.quality;
        match covariate {
            Covariate::Cycle(cycle) => {
                let slot = slot(*cycle);
                let length = level.cycles.len().max(slot + 1);
                level.cycles.resize(length, 0);
                level.cycles[slot] = shift as i8;
            }
            Covariate::Context(context) => level.contexts[usize::from(*context)] = shift as i8,
        }
    }
    Some(levels)
}

fn posterior(datum: &Datum, prior_mean: f64) -> f64 {
    empirical_quality(datum.observations, datum.errors, prior_mean)
}
