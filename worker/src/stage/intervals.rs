//! The intervals of a genome as sorted, merged regions.

use std::io::BufRead;

use common::failure::Failure;
use common::location::Location;
use common::workflow::Interval;
use genome::dictionary::Dictionary;
use genome::interval;
use genome::region::{self, Region};

use super::Context;
use crate::error::storage;
use crate::formats::compression::decompressed;

/// Returns the regions that calls and recalibration are limited to; `None` for the whole reference.
///
/// # Errors
/// What is wrong with an interval, by its text or by file and line.
pub fn regions(
    context: &Context<'_>,
    dictionary: &Dictionary,
) -> Result<Option<Vec<Region>>, Failure> {
    let genome = context.genome()?;
    if genome.intervals.is_empty() {
        return Ok(None);
    }
    let mut regions = Vec::new();
    for interval in &genome.intervals {
        match interval {
            Interval::Text(text) => {
                let region = interval::parse_text(text, dictionary);
                let fault = |fault| Failure::input(text.clone(), format!("interval: {fault}"));
                regions.push(region.map_err(fault)?);
            }
            Interval::Bed(location) => read_bed(context, location, dictionary, &mut regions)?,
        }
    }
    let padding_bp = u64::from(genome.interval_padding_bp);
    let padded =
        |region: Region| region.padded(padding_bp, dictionary.contig(region.contig).length);
    Ok(Some(region::merge(
        regions.into_iter().map(padded).collect(),
    )))
}

/// Returns the part of `within` that lies in the intervals; all of it where there are none.
pub fn limit(within: &[Region], intervals: Option<&[Region]>) -> Vec<Region> {
    let Some(intervals) = intervals else {
        return within.to_vec();
    };
    let shared = |region: &Region| {
        let region = *region;
        intervals
            .iter()
            .filter_map(move |interval| region.intersection(interval))
    };
    within.iter().flat_map(shared).collect()
}

fn read_bed(
    context: &Context<'_>,
    location: &Location,
    dictionary: &Dictionary,
    regions: &mut Vec<Region>,
) -> Result<(), Failure> {
    let text = decompressed(context.open_input(location, 0)?).map_err(|error| storage(&error))?;
    for (number, line) in text.lines().enumerate() {
        let line = line.map_err(|error| storage(&error))?;
        let fault = |fault: interval::IntervalError| {
            Failure::input(location.to_string(), fault.to_string()).at_record(number as u64 + 1)
        };
        regions.extend(interval::parse_bed(&line, dictionary).map_err(fault)?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::region::ContigId;

    #[test]
    fn limits_cut_regions_to_what_the_intervals_share() {
        let region = |start, end| Region::new(ContigId(0), start, end);
        let within = [region(0, 10), region(20, 30)];
        assert_eq!(limit(&within, None), within);
        let intervals = [region(5, 25)];
        assert_eq!(
            limit(&within, Some(&intervals)),
            [region(5, 10), region(20, 25)]
        );
    }
}
