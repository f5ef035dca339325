//! What a worker gives back, on the wire.

use proto::worker::v1 as worker;

use super::{WireError, required};
use crate::ids::Epoch;
use crate::task::{Counters, Outcome, ReadBatchCommit, Report};

impl From<Counters> for worker::Counters {
    fn from(counters: Counters) -> Self {
        let Counters {
            reads,
            bases,
            cpu_ms,
            peak_memory_bytes,
        } = counters;
        Self {
            reads,
            bases,
            cpu_ms,
            peak_memory_bytes,
        }
    }
}

impl From<worker::Counters> for Counters {
    fn from(wire: worker::Counters) -> Self {
        let worker::Counters {
            reads,
            bases,
            cpu_ms,
            peak_memory_bytes,
        } = wire;
        Self {
            reads,
            bases,
            cpu_ms,
            peak_memory_bytes,
        }
    }
}

impl From<&Report> for worker::Result {
    fn from(report: &Report) -> Self {
        let Report {
            attempt,
            epoch,
            counters,
            outcome,
        } = report;
        Self {
            attempt: Some(attempt.into()),
            epoch: epoch.0,
            counters: Some((*counters).into()),
            outcome: Some(match outcome {
                Outcome::Completed(Some(manifest)) => {
                    worker::result::Outcome::Completed(manifest.into())
                }
                Outcome::Completed(None) => worker::result::Outcome::Nothing(worker::Nothing {}),
                Outcome::Failed(failure) => worker::result::Outcome::Failed(failure.into()),
                Outcome::HandedBack => worker::result::Outcome::HandedBack(worker::HandedBack {}),
            }),
        }
    }
}

impl TryFrom<worker::Result> for Report {
    type Error = WireError;

    fn try_from(wire: worker::Result) -> Result<Self, WireError> {
        let worker::Result {
            attempt,
            epoch,
            counters,
            outcome,
        } = wire;
        let outcome = match outcome {
            None => return Err(WireError::new("outcome", "must be set")),
            Some(worker::result::Outcome::Completed(manifest)) => {
                Outcome::Completed(Some(required("completed", Some(manifest))?))
            }
            Some(worker::result::Outcome::Nothing(worker::Nothing {})) => Outcome::Completed(None),
            Some(worker::result::Outcome::Failed(error)) => {
                Outcome::Failed(required("failed", Some(error))?)
            }
            Some(worker::result::Outcome::HandedBack(worker::HandedBack {})) => Outcome::HandedBack,
        };
        Ok(Self {
            attempt: required("attempt", attempt)?,
            epoch: Epoch(epoch),
            counters: counters.unwrap_or_default().into(),
            outcome,
        })
    }
}

impl From<&ReadBatchCommit> for worker::ReadBatchCommit {
    fn from(commit: &ReadBatchCommit) -> Self {
        let ReadBatchCommit {
            attempt,
            epoch,
            read_batch,
            cursor,
        } = commit;
        Self {
            attempt: Some(attempt.into()),
            epoch: epoch.0,
            read_batch: Some(read_batch.into()),
            cursor: Some((*cursor).into()),
        }
    }
}

impl TryFrom<worker::ReadBatchCommit> for ReadBatchCommit {
    type Error = WireError;

    fn try_from(wire: worker::ReadBatchCommit) -> Result<Self, WireError> {
        let worker::ReadBatchCommit {
            attempt,
            epoch,
            read_batch,
            cursor,
        } = wire;
        let cursor = cursor.ok_or_else(|| WireError::new("cursor", "must be set"))?;
        Ok(Self {
            attempt: required("attempt", attempt)?,
            epoch: Epoch(epoch),
            read_batch: required("read_batch", read_batch)?,
            cursor: cursor.into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    proptest! {
        #[test]
        fn reports_survive_a_round_trip(report in strategies::report()) {
            let wire = worker::Result::from(&report);
            prop_assert_eq!(Report::try_from(wire).unwrap(), report);
        }

        #[test]
        fn read_batch_commits_survive_a_round_trip(commit in strategies::read_batch_commit()) {
            let wire = worker::ReadBatchCommit::from(&commit);
            prop_assert_eq!(ReadBatchCommit::try_from(wire).unwrap(), commit);
        }
    }

    #[test]
    fn a_report_without_outcome_is_refused() {
        let error = Report::try_from(worker::Result::default()).unwrap_err();
        assert_eq!(error.field, "outcome");
    }
}
