//! Intervals as the flag `-L` names them: texts and BED files.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result};
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::interval;
use genome::region::Region;

/// Returns the regions that intervals name, each widened on both sides.
///
/// # Errors
/// Which interval, or which line of which file, does not fit the reference.
pub fn regions(
    intervals: &[String],
    padding_bp: u64,
    dictionary: &Dictionary,
) -> Result<Vec<Region>> {
    let mut regions = Vec::new();
    for text in intervals {
        if Path::new(text).is_file() {
            read_bed(text, dictionary, &mut regions)?;
        } else {
            let region = interval::parse_text(text, dictionary);
            regions.push(region.map_err(|error| Failure::input(text, error.to_string()))?);
        }
    }
    let padded =
        |region: Region| region.padded(padding_bp, dictionary.contig(region.contig).length);
    Ok(regions.into_iter().map(padded).collect())
}

fn read_bed(path: &str, dictionary: &Dictionary, regions: &mut Vec<Region>) -> Result<()> {
    let file = File::open(path).with_context(|| path.to_owned())?;
    for (line, number) in BufReader::new(file).lines().zip(1..) {
        let region = interval::parse_bed(&line.with_context(|| path.to_owned())?, dictionary);
        let region =
            region.map_err(|error| Failure::input(path, error.to_string()).at_record(number))?;
        regions.extend(region);
    }
    Ok(())
}
