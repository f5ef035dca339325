//! Counting the bases of records.

use std::ops::Range;

use genome::base;
use genome::record::{RecordView, TagValue, tags};
use genome::reference::Reference;
use genome::region::{ContigId, Region};

use super::clip::Clipped;
use super::context::context;
use super::counts::{Counts, Slots};
use super::known_sites::{self, KnownSites};
use super::{MAX_CYCLE, MAX_QUALITY, MIN_QUALITY, filter};

/// Why a record cannot be counted or recalibrated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bases than cycles.
    #[error(
        "read {name} has {bases} bases, but the largest cycle is {most}: a larger \
         --maximum-cycle-value of recalibrate allows it"
    )]
    TooLong {
        /// Name of the read.
        name: String,
        /// Its bases.
        bases: usize,
        /// How many are allowed.
        most: usize,
    },
    /// `OQ` that does not fit the bases.
    #[error("read {name} has original qualities that do not fit its {bases} bases")]
    OriginalQualities {
        /// Name of the read.
        name: String,
        /// Its bases.
        bases: usize,
    },
    /// A quality that SAM cannot say.
    #[error("read {name} has quality {quality}: the highest is {MAX_QUALITY}")]
    Quality {
        /// Name of the read.
        name: String,
        /// The quality.
        quality: u8,
    },
}

/// Which reads count, and what is known about the genome.
#[derive(Debug, Clone)]
pub struct Scope<'a> {
    /// The reference that the reads were aligned to.
    pub reference: Reference<'a>,
    /// Known variation.
    pub known_sites: &'a KnownSites,
    /// If given: only reads that overlap one of these count; sorted and merged.
    pub intervals: Option<&'a [Region]>,
}

/// What a user may choose; GATK's defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountOptions {
    /// `--maximum-cycle-value`: longer reads are refused.
    pub max_cycle: usize,
    /// `--preserve-qscores-less-than`: bases of lower quality do not count.
    pub min_quality: u8,
    /// `--use-original-qualities`: those of the tag `OQ`, where there is one.
    pub original_qualities: bool,
}

impl Default for CountOptions {
    fn default() -> Self {
        Self {
            max_cycle: MAX_CYCLE,
            min_quality: MIN_QUALITY,
            original_qualities: false,
        }
    }
}

/// What one base says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Outcome {
    Agrees,
    Differs,
    Skipped,
}

/// Counts the bases of records, one record at a time.
#[derive(Debug)]
pub struct Counter<'a> {
    scope: Scope<'a>,
    options: CountOptions,
    counts: Counts,
    qualities: Vec<u8>,
    letters: Vec<u8>,
    bases: Vec<u8>,
    codes: Vec<u8>,
    contexts: Vec<u8>,
    outcomes: Vec<Outcome>,
}

impl<'a> Counter<'a> {
    /// Starts at nothing, with GATK's defaults.
    pub fn new(scope: Scope<'a>) -> Self {
        Self::with(scope, CountOptions::default())
    }

    /// Starts at nothing.
    pub fn with(scope: Scope<'a>, options: CountOptions) -> Self {
        Self {
            scope,
            options,
            counts: Counts::default(),
            qualities: Vec::new(),
            letters: Vec::new(),
            bases: Vec::new(),
            codes: Vec::new(),
            contexts: Vec::new(),
            outcomes: Vec::new(),
        }
    }

    /// Counts a record under the key of its read group, if it passes the filters.
    ///
    /// # Errors
    /// [`Error`] if the record is longer than recalibration allows or has a wrong quality.
    pub fn count(&mut self, record: &RecordView<'_>, read_group: u16) -> Result<(), Error> {
        if !self.passes(record) {
            return Ok(());
        }
        let Some(clipped) = Clipped::of(record) else {
            return Ok(());
        };
        let mut qualities = std::mem::take(&mut self.qualities);
        qualities.clear();
        if !(self.options.original_qualities && original_qualities(record, &mut qualities)?) {
            qualities.extend_from_slice(record.qualities());
        }
        let counted = self.count_clipped(record, read_group, &clipped, &qualities);
        self.qualities = qualities;
        counted
    }

    fn count_clipped(
        &mut self,
        record: &RecordView<'_>,
        read_group: u16,
        clipped: &Clipped,
        qualities: &[u8],
    ) -> Result<(), Error> {
        let Some(contig) = record.contig() else {
            return Ok(());
        };
        let qualities = &qualities[clipped.read.clone()];
        check(record, qualities, self.options.max_cycle)?;
        self.bases.clear();
        record.append_bases(&mut self.bases);
        self.codes.clear();
        record.append_codes(&mut self.codes);
        self.compare(contig, clipped);
        self.skip(&clipped.read, qualities);
        self.skip_known(contig, clipped);
        self.add(record, read_group, (&clipped.read, qualities));
        Ok(())
    }

    /// Returns what was counted.
    pub fn finish(self) -> Counts {
        self.counts
    }

    fn passes(&self, record: &RecordView<'_>) -> bool {
        let dictionary = self.scope.reference.dictionary();
        let wanted = |regions| filter::overlaps_any(record, regions);
        filter::is_countable(record)
            && filter::is_well_formed(record, dictionary)
            && self.scope.intervals.is_none_or(wanted)
    }

    /// Compares each base with the reference; inserted bases agree with it.
    fn compare(&mut self, contig: ContigId, clipped: &Clipped) {
        let region = Region::new(contig, clipped.start.into(), clipped.end().into());
        self.letters.clear();
        self.scope.reference.fetch(region, &mut self.letters);
        let bases = &self.bases[clipped.read.clone()];
        self.outcomes.clear();
        self.outcomes.resize(bases.len(), Outcome::Agrees);
        let (mut read, mut reference) = (0, 0);
        for op in &clipped.cigar {
            let (kind, length) = (op.kind(), op.len() as usize);
            if kind.is_aligned() {
                let letters = &self.letters[reference..reference + length];
                let both = bases[read..read + length].iter().zip(letters);
                let outcomes = &mut self.outcomes[read..read + length];
                for (outcome, (base, letter)) in outcomes.iter_mut().zip(both) {
                    *outcome = match base == letter {
                        true => Outcome::Agrees,
                        false => Outcome::Differs,
                    };
                }
            }
            read += if kind.consumes_read() { length } else { 0 };
            reference += if kind.consumes_reference() { length } else { 0 };
        }
    }

    /// Skips what is no base or of low quality.
    fn skip(&mut self, read: &Range<usize>, qualities: &[u8]) {
        let least = self.options.min_quality;
        let both = self.codes[read.clone()].iter().zip(qualities);
        for (outcome, (&code, &quality)) in self.outcomes.iter_mut().zip(both) {
            if quality < least || code == base::AMBIGUOUS {
                *outcome = Outcome::Skipped;
            }
        }
    }

    fn skip_known(&mut self, contig: ContigId, clipped: &Clipped) {
        let (start, end) = (u64::from(clipped.start), u64::from(clipped.end()));
        let known = self.scope.known_sites;
        for site in known.overlapping(contig, start, end) {
            let covered = known_sites::covered(site, clipped);
            if covered.start < covered.end {
                self.outcomes[covered].fill(Outcome::Skipped);
            }
        }
    }

    fn add(
        &mut self,
        record: &RecordView<'_>,
        read_group: u16,
        (read, qualities): (&Range<usize>, &[u8]),
    ) {
        let (reverse, slots) = (record.flags().is_reverse(), Slots::of(record, read.len()));
        let codes = &self.codes[read.clone()];
        context(codes, qualities, reverse, &mut self.contexts);
        let rows = self.counts.group_mut(read_group);
        let both = self.outcomes.iter().zip(&self.contexts);
        for (index, (&quality, (&outcome, &context))) in qualities.iter().zip(both).enumerate() {
            if outcome != Outcome::Skipped {
                let row = &mut rows[usize::from(quality)];
                row.add(context, slots.of_base(index), outcome == Outcome::Differs);
            }
        }
    }
}

/// Writes the qualities of the tag `OQ`; false if the record has none.
pub(crate) fn original_qualities(
    record: &RecordView<'_>,
    qualities: &mut Vec<u8>,
) -> Result<bool, Error> {
    let found = tags(record.tag_bytes()).find_map(|(tag, value)| match value {
        TagValue::Text(text) if tag == *b"OQ" => Some(text),
        _ => None,
    });
    let Some(text) = found else {
        return Ok(false);
    };
    if text.len() != record.base_count() || text.iter().any(|&byte| byte < b'!') {
        return Err(Error::OriginalQualities {
            name: String::from_utf8_lossy(record.name()).into_owned(),
            bases: record.base_count(),
        });
    }
    qualities.clear();
    qualities.extend(text.iter().map(|byte| byte - b'!'));
    Ok(true)
}

/// Refuses what has no cycle or no row.
pub(crate) fn check(record: &RecordView<'_>, qualities: &[u8], most: usize) -> Result<(), Error> {
    let name = || String::from_utf8_lossy(record.name()).into_owned();
    let bases = qualities.len();
    if bases > most {
        return Err(Error::TooLong {
            name: name(),
            bases,
            most,
        });
    }
    let highest = qualities.iter().fold(0, |most, &quality| most.max(quality));
    if highest <= MAX_QUALITY {
        return Ok(());
    }
    let first = qualities.iter().find(|&&quality| quality > MAX_QUALITY);
    Err(Error::Quality {
        name: name(),
        quality: first.copied().unwrap_or(highest),
    })
}
