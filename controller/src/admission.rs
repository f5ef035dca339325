//! Validation of a genome before it is queued: every input exists, opens and looks right, the
//! reference and its index fit, the outputs can be written.
//!
//! Blocking; it runs beside the runtime. Main path: [`Admission::validate`].

mod bam;
mod digests;
pub mod fasta;
mod fastq;
mod intervals;
pub mod outputs;
pub mod reference;
pub mod sites;
mod text;

use std::fmt::Display;
use std::sync::Arc;

use common::failure::{Failure, FailureClass};
use common::location::Location;
use common::task::InputStamp;
use common::workflow::{GenomeSpec, Interval, LaneReads};
use genome::dictionary::Dictionary;
use genome::interval::parse_text;
use genome::partition::Partitions;

use crate::inputs::{Inputs, Source};
use crate::plan::dag::Findings;
use crate::roots::RootError;
use digests::Digests;
use reference::{INDEX_ENDING, References, Scanned};

/// Validates genomes.
#[derive(Debug)]
pub struct Admission {
    inputs: Arc<Inputs>,
    references: Arc<References>,
    digests: Arc<Digests>,
}

impl Admission {
    /// Makes an admission over these inputs.
    pub fn new(inputs: Arc<Inputs>) -> Self {
        Self {
            inputs,
            references: Arc::default(),
            digests: Arc::default(),
        }
    }

    /// Reads the sequences of a reference, or remembers them.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn scan(&self, source: &Source) -> Result<Arc<Scanned>, fasta::FastaError> {
        self.references.scan(source)
    }

    /// Looks at everything that a genome names; digests what its results may be known by if that is
    /// wanted.
    ///
    /// # Errors
    /// The first [`Failure`]: of class input-invalid, with file, record and reason; or a passing
    /// one of storage.
    pub fn validate(&self, genome: &GenomeSpec, digests: bool) -> Result<Findings, Failure> {
        let theirs = self.inputs.of(&genome.s3);
        match theirs.map_err(|error| unusable(&genome.reference, error))? {
            None => self.look(genome, digests),
            Some(inputs) => {
                let theirs = Self {
                    inputs: Arc::new(inputs),
                    references: self.references.clone(),
                    digests: self.digests.clone(),
                };
                theirs.look(genome, digests)
            }
        }
    }

    fn look(&self, genome: &GenomeSpec, digests: bool) -> Result<Findings, Failure> {
        let mut inputs = self.check_reads(genome)?;
        let reference = self.check_reference(&genome.reference, &mut inputs)?;
        let index_missing = !self.check_index(&genome.reference, &reference, &mut inputs)?;
        let dictionary = &reference.dictionary;
        self.check_known_sites(&genome.known_sites, dictionary, &mut inputs)?;
        self.check_intervals(&genome.intervals, dictionary, &mut inputs)?;
        self.check_outputs(genome)?;
        let input_digests = match digests {
            true => self.digest(genome, index_missing),
            false => None,
        };
        Ok(Findings {
            partitions: Partitions::new(dictionary, genome.partition_bp).count(),
            index_missing,
            reference_digest: Some(reference.digest),
            inputs,
            warnings: Vec::new(),
            input_digests,
        })
    }

    fn check_reads(&self, genome: &GenomeSpec) -> Result<Vec<InputStamp>, Failure> {
        let mut inputs = Vec::new();
        for lane in &genome.lanes {
            let files: Vec<&Location> = match &lane.reads {
                LaneReads::SingleEnd(file)
                | LaneReads::Interleaved(file)
                | LaneReads::Bam(file) => vec![file],
                LaneReads::Paired(file1, file2) => vec![file1, file2],
            };
            let mut paths = Vec::new();
            for file in &files {
                paths.push(self.stamped(file, &mut inputs)?);
            }
            let checked = match (&lane.reads, &paths[..]) {
                (LaneReads::SingleEnd(_), [path, ..]) => fastq::check_single(path),
                (LaneReads::Interleaved(_), [path, ..]) => fastq::check_interleaved(path),
                (LaneReads::Paired(..), [path1, path2, ..]) => fastq::check_paired(path1, path2),
                (LaneReads::Bam(file), [path, ..]) => {
                    bam::check(path).map_err(|error| invalid(file, error))?;
                    Ok(())
                }
                _ => Ok(()),
            };
            checked.map_err(|error| {
                let failure = invalid(files[error.file], &error);
                match error.record {
                    Some(record) => failure.at_record(record),
                    None => failure,
                }
            })?;
        }
        Ok(inputs)
    }

    fn check_reference(
        &self,
        reference: &Location,
        inputs: &mut Vec<InputStamp>,
    ) -> Result<Arc<Scanned>, Failure> {
        let path = self.stamped(reference, inputs)?;
        let scanned = self.references.scan(&path);
        scanned.map_err(|error| invalid(reference, error))
    }

    /// Says whether there is an index, which then is that of the reference.
    fn check_index(
        &self,
        reference: &Location,
        scanned: &Scanned,
        inputs: &mut Vec<InputStamp>,
    ) -> Result<bool, Failure> {
        let index = reference.with_ending(INDEX_ENDING);
        let source = match self.inputs.find(&index) {
            Err(RootError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(false);
            }
            found => found.map_err(|error| unusable(&index, error))?,
        };
        let fits = reference::check_index(&source, scanned);
        fits.map_err(|error| invalid(&index, error))?;
        self.stamped(&index, inputs)?;
        Ok(true)
    }

    fn check_known_sites(
        &self,
        known_sites: &[Location],
        dictionary: &Dictionary,
        inputs: &mut Vec<InputStamp>,
    ) -> Result<(), Failure> {
        for file in known_sites {
            let path = self.stamped(file, inputs)?;
            sites::check(&path, dictionary).map_err(|error| invalid(file, error))?;
        }
        Ok(())
    }

    fn check_intervals(
        &self,
        intervals: &[Interval],
        dictionary: &Dictionary,
        inputs: &mut Vec<InputStamp>,
    ) -> Result<(), Failure> {
        for interval in intervals {
            match interval {
                Interval::Text(text) => {
                    parse_text(text, dictionary).map_err(|error| {
                        let message = format!("interval {text}: {error}");
                        Failure::new(FailureClass::InputInvalid, message)
                    })?;
                }
                Interval::Bed(file) => {
                    let path = self.stamped(file, inputs)?;
                    intervals::check_bed(&path, dictionary).map_err(|(line, error)| {
                        let failure = invalid(file, error);
                        match line {
                            0 => failure,
                            _ => failure.at_record(line),
                        }
                    })?;
                }
            }
        }
        Ok(())
    }

    fn check_outputs(&self, genome: &GenomeSpec) -> Result<(), Failure> {
        let Some(prefix) = &genome.output_prefix else {
            return Ok(());
        };
        let target = self.inputs.destination(prefix);
        let target = target.map_err(|error| unusable(prefix, error))?;
        if !genome.overwrite
            && let Some(name) = outputs::taken(&target, genome)
                .map_err(|error| unusable(prefix, RootError::Io(error)))?
        {
            let file = prefix.join(&name).to_string();
            return Err(Failure::input(
                file,
                "exists; it is replaced only if overwrite is asked for",
            ));
        }
        outputs::check_writable(&target).map_err(|error| match is_passing(error.kind()) {
            true => unusable(prefix, RootError::Io(error)),
            false => invalid(prefix, format!("cannot be written: {error}")),
        })
    }

    fn stamped(
        &self,
        location: &Location,
        inputs: &mut Vec<InputStamp>,
    ) -> Result<Source, Failure> {
        let found = self.inputs.stamped(location);
        let (source, stamp) = found.map_err(|error| unusable(location, error))?;
        if !inputs.contains(&stamp) {
            inputs.push(stamp);
        }
        Ok(source)
    }
}

fn invalid(location: &Location, reason: impl Display) -> Failure {
    Failure::input(location.to_string(), reason.to_string())
}

fn unusable(location: &Location, error: RootError) -> Failure {
    match &error {
        RootError::Io(io) if is_passing(io.kind()) => Failure {
            class: FailureClass::StorageTransient,
            ..invalid(location, error)
        },
        _ => invalid(location, error),
    }
}

fn is_passing(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind;
    matches!(
        kind,
        ErrorKind::TimedOut
            | ErrorKind::Interrupted
            | ErrorKind::StaleNetworkFileHandle
            | ErrorKind::ResourceBusy
    )
}
