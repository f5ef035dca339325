//! One attempt: its threads, its stage, its manifest.

use std::any::Any;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::OnceLock;

use common::failure::{Failure, FailureClass};
use common::task::{Assignment, Counters, Detail, Manifest, ObjectRef, Outcome};
use common::telemetry;
use genome::monitor::Monitor;
use tracing::{Span, field};

use super::{hold, usage};
use crate::error;
use crate::stage::{self, Context, Finished, ReadBatchSink};
use crate::storage::Storage;

/// File of an attempt's manifest under its prefix.
const MANIFEST: &str = "manifest.pb";

/// What an attempt is run with, within its process.
pub(super) struct Attempt<'a> {
    pub assignment: &'a Assignment,
    pub storage: &'a Storage,
    pub scratch: &'a Path,
    pub monitor: &'a Monitor,
    pub read_batches: &'a dyn ReadBatchSink,
}

impl Attempt<'_> {
    /// Runs the stage on threads of its own and writes the manifest. A panic is a failure.
    pub fn run(&self) -> (Counters, Result<Outcome, Failure>) {
        let threads = self.assignment.resources.cores.max(1) as usize;
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|index| format!("stage-{index}"))
            .build();
        let pool = match pool {
            Ok(pool) => pool,
            Err(fault) => {
                let failure = Failure::new(FailureClass::OutOfResources, fault.to_string());
                return (Counters::default(), Err(failure));
            }
        };
        let span = self.span();
        let outcome = pool.install(|| {
            let _entered = span.enter();
            panic::catch_unwind(AssertUnwindSafe(|| self.stage(threads)))
                .unwrap_or_else(|payload| Err(panicked(payload.as_ref())))
        });
        if let Err(failure) = &outcome {
            span.record("otel.status_code", "ERROR");
            span.record("spindle.outcome", failure.class.name());
        }
        drop(span);
        let mut counters = Counters {
            reads: self.monitor.reads(),
            bases: self.monitor.bases(),
            cpu_ms: usage::of_pool(&pool).as_millis() as u64,
            peak_memory_bytes: usage::peak_memory_bytes(),
        };
        let outcome = outcome.map(|(manifest, counted)| {
            if let Some(Counters { reads, bases, .. }) = counted {
                (counters.reads, counters.bases) = (reads, bases);
            }
            Outcome::Completed(Some(manifest))
        });
        (counters, outcome)
    }

    /// A part of the present span, or of the one that the assignment names.
    fn span(&self) -> Span {
        let present = telemetry::current();
        let span = common::span!(
            "stage",
            otel.name = self.assignment.attempt.task.stage.name(),
            otel.status_code = field::Empty,
            spindle.outcome = field::Empty,
            spindle.cores = self.assignment.resources.cores,
        );
        if present.is_none() {
            telemetry::continues(&span, self.assignment.trace.as_ref());
        }
        span
    }

    fn stage(&self, threads: usize) -> Result<(ObjectRef, Option<Counters>), Failure> {
        let access = self.assignment.genome.as_ref().map(|genome| &genome.s3);
        let theirs = access.map(|access| self.storage.inputs.of(access));
        let theirs = theirs.transpose()?.flatten();
        let context = Context {
            assignment: self.assignment,
            objects: &self.storage.objects,
            inputs: theirs.as_ref().unwrap_or(&self.storage.inputs),
            scratch: self.scratch,
            threads,
            memory_bytes: self.assignment.resources.memory_bytes,
            monitor: self.monitor,
            read_batches: self.read_batches,
            index: OnceLock::new(),
        };
        let Finished {
            outputs,
            read_batch,
            counters,
        } = {
            hold::hold(&self.assignment.attempt, self.monitor)?;
            stage::run(&context)?
        };
        let assigned = match &self.assignment.detail {
            Detail::Align(batch) => Some(batch.clone()),
            Detail::None | Detail::Split(_) => None,
        };
        let manifest = Manifest {
            attempt: self.assignment.attempt.clone(),
            outputs,
            read_batch: read_batch.or(assigned),
        };
        let _committing = common::span!("commit").entered();
        let mut out = context.create(MANIFEST)?;
        out.write_all(&manifest.encode())
            .map_err(|e| error::storage(&e))?;
        Ok((out.commit()?, counters))
    }
}

fn panicked(payload: &(dyn Any + Send)) -> Failure {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = format!("the stage panicked: {}", text.unwrap_or("without a word"));
    Failure::new(FailureClass::Internal, message)
}
