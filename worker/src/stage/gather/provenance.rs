//! `provenance.json`: what went in, what was asked for, which program answered.

use std::io::Read;

use common::failure::Failure;
use common::ids::Sha256;
use common::location::Location;
use common::task::Stage;
use common::workflow::{GenomeSpec, Interval};
use serde_json::{Value, json};
use sha2::Digest;

use super::super::split::{FileDigest, INPUTS};
use super::super::{Context, sections};
use crate::error::{self, storage};

/// Describes the genome of the context.
///
/// # Errors
/// What storage answers.
pub fn describe(context: &Context<'_>) -> Result<Value, Failure> {
    let genome = context.genome()?;
    let reference_digest = Sha256(context.index()?.reference_digest());
    let mut inputs = lane_files(context)?;
    for location in &genome.known_sites {
        inputs.push(digest(context, location)?);
    }
    let versions = Stage::ALL.map(|stage| (stage.name().to_owned(), stage.output_version().into()));
    Ok(json!({
        "engine": { "name": "spindle", "version": env!("CARGO_PKG_VERSION") },
        "output_versions": Value::Object(versions.into_iter().collect()),
        "sample": genome.sample,
        "reference": {
            "file": genome.reference.to_string(),
            "sequence_sha256": reference_digest.to_string(),
        },
        "inputs": inputs,
        "read_groups": genome.lanes.iter().map(|lane| lane.read_group.line()).collect::<Vec<_>>(),
        "options": options(genome),
    }))
}

fn options(genome: &GenomeSpec) -> Value {
    let interval = |interval: &Interval| match interval {
        Interval::Text(text) => text.clone(),
        Interval::Bed(location) => location.to_string(),
    };
    json!({
        "outputs": {
            "bam": genome.outputs.bam,
            "vcf": genome.outputs.vcf,
            "gvcf": genome.outputs.gvcf,
        },
        "intervals": genome.intervals.iter().map(interval).collect::<Vec<_>>(),
        "interval_padding_bp": genome.interval_padding_bp,
        "recalibrated_qualities": genome.recalibrated_qualities,
        "read_batch_bp": genome.read_batch_bp,
        "partition_bp": genome.partition_bp,
    })
}

/// Returns what `split` found the files of the lanes to be.
fn lane_files(context: &Context<'_>) -> Result<Vec<FileDigest>, Failure> {
    let mut files: Vec<FileDigest> = Vec::new();
    for manifest in context.upstream(Stage::Split)? {
        let object = sections::output(&manifest, INPUTS)?;
        let digests: Vec<FileDigest> = serde_json::from_slice(&context.read_all(object)?)
            .map_err(|fault| error::lost(&object.key, &fault))?;
        files.extend(digests);
    }
    Ok(files)
}

fn digest(context: &Context<'_>, location: &Location) -> Result<FileDigest, Failure> {
    const BUFFER_BYTES: usize = 1 << 20;
    let mut stream = context.open_input(location, 0)?;
    let mut sha256 = sha2::Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    let mut size_bytes = 0;
    loop {
        let bytes = stream.read(&mut buffer).map_err(|error| storage(&error))?;
        if bytes == 0 {
            break;
        }
        sha256.update(&buffer[..bytes]);
        size_bytes += bytes as u64;
    }
    let sha256 = Sha256(sha256.finalize().into()).to_string();
    Ok(FileDigest {
        file: location.to_string(),
        size_bytes,
        sha256,
        reads_without_mate: None,
    })
}
