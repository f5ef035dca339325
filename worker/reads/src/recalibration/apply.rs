//! Giving records their recalibrated qualities.

use genome::record::RecordView;

use super::empirical::empirical_quality;
use super::table::{Covariate, Datum, QUALITIES, RecalibrationTable};
use crate::covariates::{
    self, CONTEXTS, MIN_QUALITY, Slots, check, context, original_qualities, slot,
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

/// Room for a context, or none, in a row of shifts.
const CONTEXT_ROOM: usize = (CONTEXTS + 1).next_power_of_two();

/// Sums of shifts are at least the negative of this.
const LEAST_SUM: i16 = 256;

/// What each sum of shifts becomes: clamped, then quantised.
const SUMS: usize = 1 << 10;

/// Sums of shifts by which the reported qualities of a read group change.
#[derive(Debug, Clone)]
struct Group {
    /// By quality × [`slot`]: the quality without regard to context. The last two are those of cycles
    /// that no row speaks of.
    by_cycle: Vec<i16>,
    /// How many slots a quality has.
    slots: usize,
    /// By quality: the shift of each context, 0 for none.
    by_context: Vec<[i8; CONTEXT_ROOM]>,
}

/// A table made ready to be applied: one lookup a base and covariate.
#[derive(Debug, Clone)]
pub struct Recalibrator {
    /// By read group key; `None` for a read group that the table does not know.
    groups: Vec<Option<Group>>,
    quantized: [u8; QUALITIES],
    /// By sum of shifts, from the least on.
    by_sum: Box<[u8; SUMS]>,
    max_cycle: usize,
    options: ApplyOptions,
}

impl Recalibrator {
    /// Makes a table ready for read groups with these names by key.
    pub fn new(table: &RecalibrationTable, names: &[String], options: &ApplyOptions) -> Self {
        let mut quantized = std::array::from_fn(|quality| quality as u8);
        let chosen = options.quantized.iter().flatten();
        quantized
            .iter_mut()
            .zip(chosen)
            .for_each(|(mine, chosen)| *mine = *chosen);
        let group = |name: &String| Group::of(table, name, options);
        let of_sum = |sum: usize| {
            let quality = (sum as i16 - LEAST_SUM).clamp(1, QUALITIES as i16 - 1);
            quantized[quality as usize]
        };
        Self {
            groups: names.iter().map(group).collect(),
            by_sum: Box::new(std::array::from_fn(of_sum)),
            quantized,
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
        if let Some(group) = group {
            self.shift(record, group, qualities);
        } else if options.allow_missing_read_group {
            for quality in qualities
                .iter_mut()
                .filter(|quality| **quality >= options.min_quality)
            {
                *quality = self.quantized[usize::from(*quality)];
            }
        } else {
            return Ok(Outcome::UnknownReadGroup);
        }
        Ok(Outcome::Recalibrated)
    }

    /// Replaces qualities by those that the rows of a read group speak for.
    fn shift(&self, record: &RecordView<'_>, group: &Group, qualities: &mut [u8]) {
        let mut codes = Vec::with_capacity(qualities.len() + 1);
        record.append_codes(&mut codes);
        let mut contexts = Vec::with_capacity(qualities.len());
        let reverse = record.flags().is_reverse();
        context(&codes, qualities, reverse, &mut contexts);
        let slots = Slots::of(record, qualities.len());
        let least = self.options.min_quality;
        for (index, (quality, &context)) in qualities.iter_mut().zip(&contexts).enumerate() {
            let sum = group.sum(*quality, slots.of_base(index), context);
            let shifted = self.by_sum[(sum + LEAST_SUM) as usize % SUMS];
            *quality = if *quality < least { *quality } else { shifted };
        }
    }
}

impl Group {
    /// Tabulates the posteriors of a read group: of the group, of each quality, of each covariate.
    fn of(table: &RecalibrationTable, name: &str, options: &ApplyOptions) -> Option<Self> {
        let row = table.read_groups.get(name)?;
        let global = options.global_prior.filter(|&prior| prior > 0.0);
        let of_group = posterior(&row.datum, global.unwrap_or(row.estimated_reported));
        let first = (name.to_owned(), 0, Covariate::Cycle(i32::MIN));
        let rows = table.covariates.range(first..);
        let rows = rows.take_while(|((known, ..), _)| known == name);
        let most = rows.clone().map(|((_, _, covariate), _)| match covariate {
            Covariate::Cycle(cycle) => slot(*cycle) / 2 + 1,
            Covariate::Context(_) => 0,
        });
        let slots = 2 * (most.max().unwrap_or(0) + 1);
        let level = |quality: usize| {
            let datum = table.qualities.get(&(name.to_owned(), quality as u8));
            datum.map_or(of_group, |datum| posterior(datum, of_group)) as i16
        };
        let levels: Vec<i16> = (0..QUALITIES).map(level).collect();
        let mut by_cycle: Vec<i16> = Vec::with_capacity(slots * QUALITIES);
        for &level in &levels {
            by_cycle.extend(std::iter::repeat_n(level, slots));
        }
        let mut by_context = vec![[0; CONTEXT_ROOM]; QUALITIES];
        for ((_, quality, covariate), datum) in rows {
            let quality = usize::from(*quality);
            let level = levels[quality];
            let shift = posterior(datum, f64::from(level)) as i16 - level;
            match covariate {
                Covariate::Cycle(cycle) => by_cycle[quality * slots + slot(*cycle)] = level + shift,
                Covariate::Context(context) => {
                    by_context[quality][usize::from(*context)] = shift as i8;
                }
            }
        }
        Some(Self {
            by_cycle,
            slots,
            by_context,
        })
    }

    /// Returns what a reported quality becomes, before it is clamped.
    #[inline]
    fn sum(&self, quality: u8, slot: usize, context: u8) -> i16 {
        let slot = slot.min(self.slots - 2 + slot % 2);
        let quality = usize::from(quality);
        let shift = self.by_context[quality][usize::from(context) % CONTEXT_ROOM];
        self.by_cycle[quality * self.slots + slot] + i16::from(shift)
    }
}

fn posterior(datum: &Datum, prior_mean: f64) -> f64 {
    empirical_quality(datum.observations, datum.errors, prior_mean)
}
