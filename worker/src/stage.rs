//! The stages: what each gets, what each gives back, and which code runs it.

pub mod align;
pub mod call;
pub mod duplicates;
pub mod gather;
pub mod index;
pub mod intervals;
pub mod lanes;
pub mod merge;
mod merged;
pub mod recalibrate;
pub mod reference;
mod sections;
pub mod split;

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use aligner::index::Index;
use common::failure::{Failure, FailureClass};
use common::location::Location;
use common::task::{
    Assignment, Counters, InputStamp, Manifest, ObjectRef, ReadBatch, SplitCursor, Stage,
};
use common::workflow::GenomeSpec;
use genome::monitor::Monitor;

use crate::error;
pub use crate::inputs::Inputs;
pub use crate::objects::{ObjectReader, Objects, OutputWriter};

/// What a stage may use.
pub struct Context<'a> {
    /// What is to be done.
    pub assignment: &'a Assignment,
    /// The store.
    pub objects: &'a Objects,
    /// The inputs.
    pub inputs: &'a Inputs,
    /// A folder of this attempt alone, removed after it.
    pub scratch: &'a Path,
    /// How many threads may run; rayon's pool has as many.
    pub threads: usize,
    /// How much memory may be used.
    pub memory_bytes: u64,
    /// Takes progress, tells of cancellation.
    pub monitor: &'a Monitor,
    /// Takes the read batches of `split`.
    pub read_batches: &'a dyn ReadBatchSink,
    /// The reference, once it was asked for.
    pub index: OnceLock<Arc<Index>>,
}

/// Where `split` reports each read batch that it wrote.
pub trait ReadBatchSink: Send + Sync {
    /// Returns once the batch is durable.
    ///
    /// # Errors
    /// [`FailureClass::Cancelled`] if the attempt no longer counts.
    fn commit(&self, read_batch: ReadBatch, cursor: SplitCursor) -> Result<(), Failure>;
}

/// What a stage made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// Its objects by role.
    pub outputs: BTreeMap<String, ObjectRef>,
    /// The read batch of an `align` task; filled in from the assignment when it is left out.
    pub read_batch: Option<ReadBatch>,
    /// Work done, where it is not what the monitor counted.
    pub counters: Option<Counters>,
}

impl Finished {
    /// Adds an object.
    #[must_use]
    pub fn with(mut self, role: &str, object: ObjectRef) -> Self {
        self.outputs.insert(role.to_owned(), object);
        self
    }
}

/// Runs the stage of an assignment.
///
/// # Errors
/// What the stage answers.
pub fn run(context: &Context<'_>) -> Result<Finished, Failure> {
    match context.assignment.attempt.task.stage {
        Stage::Index => index::run(context),
        Stage::Split => split::run(context),
        Stage::Align => align::run(context),
        Stage::Duplicates => duplicates::run(context),
        Stage::Merge => merge::run(context),
        Stage::Recalibrate => recalibrate::run(context),
        Stage::Probe => Ok(Finished::default()),
        Stage::Call => call::run(context),
        Stage::Gather => gather::run(context),
    }
}

impl Context<'_> {
    /// Returns the genome.
    ///
    /// # Errors
    /// If the assignment has none.
    pub fn genome(&self) -> Result<&GenomeSpec, Failure> {
        let missing = || Failure::new(FailureClass::Internal, "the assignment has no genome");
        self.assignment.genome.as_deref().ok_or_else(missing)
    }

    /// Returns the manifests of a finished stage, in order of task.
    ///
    /// # Errors
    /// If the assignment does not name it, or its manifest is lost.
    pub fn upstream(&self, stage: Stage) -> Result<Vec<Manifest>, Failure> {
        let Some(object) = self.upstream_manifest(stage) else {
            let message = format!("the assignment does not name the outputs of {stage}");
            return Err(Failure::new(FailureClass::Internal, message));
        };
        let bytes = self.objects.read_kept(object)?;
        Manifest::decode_stage(&bytes).map_err(|fault| error::lost(&object.key, &fault))
    }

    fn upstream_manifest(&self, stage: Stage) -> Option<&ObjectRef> {
        let named = self.assignment.upstream.iter().find(|(of, _)| *of == stage);
        named.map(|(_, object)| object)
    }

    /// Starts an output under the attempt's prefix; `role` may be a file name.
    ///
    /// # Errors
    /// What the store or the disk answers.
    pub fn create(&self, role: &str) -> Result<OutputWriter, Failure> {
        let key = format!("{}/{role}", self.assignment.output_prefix);
        self.objects.create(&key, self.scratch)
    }

    /// Opens a whole object; size and digest are checked at its end.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if it is gone.
    pub fn open(&self, object: &ObjectRef) -> Result<ObjectReader, Failure> {
        self.objects.open(object)
    }

    /// Opens a range of an object.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if it is gone.
    pub fn open_range(
        &self,
        object: &ObjectRef,
        range: Range<u64>,
    ) -> Result<ObjectReader, Failure> {
        self.objects.open_range(object, range)
    }

    /// Reads a whole object and checks it.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if it is gone or changed.
    pub fn read_all(&self, object: &ObjectRef) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        let read = self.open(object)?.read_to_end(&mut bytes);
        read.map_err(|fault| error::storage(&fault))?;
        Ok(bytes)
    }

    /// Streams an input from a byte offset on.
    ///
    /// # Errors
    /// [`FailureClass::InputInvalid`] if it is gone or changed since admission.
    pub fn open_input(
        &self,
        location: &Location,
        offset: u64,
    ) -> Result<Box<dyn Read + Send>, Failure> {
        self.inputs.open(location, self.stamp(location), offset)
    }

    /// Streams an input from its first byte on, if there is one.
    ///
    /// # Errors
    /// What storage answers, but that it is gone.
    pub fn open_if_there(
        &self,
        location: &Location,
    ) -> Result<Option<Box<dyn Read + Send>>, Failure> {
        let is_there = self.inputs.exists(location)?;
        is_there.then(|| self.open_input(location, 0)).transpose()
    }

    /// Returns the path of an input, or of its copy in the worker's cache.
    ///
    /// # Errors
    /// [`FailureClass::InputInvalid`] if it is gone or changed since admission.
    pub fn local_input(&self, location: &Location) -> Result<PathBuf, Failure> {
        self.inputs.local(location, self.stamp(location))
    }

    /// As [`Self::local_input`]; `None` if there is no such input.
    ///
    /// # Errors
    /// As [`Self::local_input`], but that it is gone.
    pub fn local_if_there(&self, location: &Location) -> Result<Option<PathBuf>, Failure> {
        self.inputs.local_if_there(location, self.stamp(location))
    }

    /// Returns the path of an object, or of its verified copy in the worker's cache.
    ///
    /// # Errors
    /// [`FailureClass::IntermediateLost`] if it is gone or changed.
    pub fn local_object(&self, object: &ObjectRef) -> Result<PathBuf, Failure> {
        if let Some(path) = self.objects.path(object) {
            return Ok(path);
        }
        let name = object.sha256.to_string();
        self.inputs.cache.get(&name, object.size_bytes, |file| {
            crate::inputs::copy(&mut self.open(object)?, file)
        })
    }

    fn stamp(&self, location: &Location) -> Option<&InputStamp> {
        self.assignment
            .inputs
            .iter()
            .find(|stamp| stamp.location == *location)
    }
}
