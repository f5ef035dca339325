//! Tasks, attempts, objects, and read batches on the wire.

use proto::{v1, worker::v1 as worker};

use super::{WireError, genome::location, required};
use crate::ids::{AttemptNumber, Sha256, WorkflowId};
use crate::task::{
    AttemptId, InputStamp, ObjectRef, ReadBatch, ReadSource, SplitCursor, Stage, TaskId,
};

impl From<Stage> for v1::Stage {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Index => Self::Index,
            Stage::Split => Self::Split,
            Stage::Align => Self::Align,
            Stage::Duplicates => Self::Duplicates,
            Stage::Merge => Self::Merge,
            Stage::Recalibrate => Self::Recalibrate,
            Stage::Call => Self::Call,
            Stage::Gather => Self::Gather,
            Stage::Probe => Self::Probe,
        }
    }
}

impl TryFrom<v1::Stage> for Stage {
    type Error = WireError;

    fn try_from(wire: v1::Stage) -> Result<Self, WireError> {
        Ok(match wire {
            v1::Stage::Unspecified => return Err(WireError::new("stage", "must be set")),
            v1::Stage::Index => Self::Index,
            v1::Stage::Split => Self::Split,
            v1::Stage::Align => Self::Align,
            v1::Stage::Duplicates => Self::Duplicates,
            v1::Stage::Merge => Self::Merge,
            v1::Stage::Recalibrate => Self::Recalibrate,
            v1::Stage::Call => Self::Call,
            v1::Stage::Gather => Self::Gather,
            v1::Stage::Probe => Self::Probe,
        })
    }
}

/// Reads a stage as messages carry it.
///
/// # Errors
/// [`WireError`] of the field `stage` if the number is none of a stage.
pub fn stage(wire: i32) -> Result<Stage, WireError> {
    let known = v1::Stage::try_from(wire);
    known
        .map_err(|_| WireError::new("stage", format!("{wire} is no stage")))?
        .try_into()
}

impl From<&TaskId> for worker::TaskId {
    fn from(task: &TaskId) -> Self {
        let TaskId {
            workflow,
            stage,
            index,
        } = task;
        Self {
            workflow_id: workflow.as_str().to_owned(),
            stage: v1::Stage::from(*stage).into(),
            index: *index,
        }
    }
}

impl TryFrom<worker::TaskId> for TaskId {
    type Error = WireError;

    fn try_from(wire: worker::TaskId) -> Result<Self, WireError> {
        let worker::TaskId {
            workflow_id,
            stage: of_stage,
            index,
        } = wire;
        if workflow_id.is_empty() {
            return Err(WireError::new("workflow_id", "must be set"));
        }
        Ok(Self {
            workflow: WorkflowId::new(workflow_id),
            stage: stage(of_stage)?,
            index,
        })
    }
}

impl From<&AttemptId> for worker::AttemptId {
    fn from(attempt: &AttemptId) -> Self {
        let AttemptId { task, number } = attempt;
        Self {
            task: Some(task.into()),
            number: number.0,
        }
    }
}

impl TryFrom<worker::AttemptId> for AttemptId {
    type Error = WireError;

    fn try_from(wire: worker::AttemptId) -> Result<Self, WireError> {
        let worker::AttemptId { task, number } = wire;
        if number == 0 {
            return Err(WireError::new("number", "attempts count from 1"));
        }
        Ok(Self {
            task: required("task", task)?,
            number: AttemptNumber(number),
        })
    }
}

impl From<&ObjectRef> for worker::ObjectRef {
    fn from(object: &ObjectRef) -> Self {
        let ObjectRef {
            key,
            size_bytes,
            sha256,
        } = object;
        Self {
            key: key.clone(),
            size_bytes: *size_bytes,
            sha256: sha256.0.to_vec(),
        }
    }
}

impl TryFrom<worker::ObjectRef> for ObjectRef {
    type Error = WireError;

    fn try_from(wire: worker::ObjectRef) -> Result<Self, WireError> {
        let worker::ObjectRef {
            key,
            size_bytes,
            sha256,
        } = wire;
        if key.is_empty() {
            return Err(WireError::new("key", "must be set"));
        }
        Ok(Self {
            key,
            size_bytes,
            sha256: digest("sha256", &sha256)?,
        })
    }
}

/// Reads a digest as messages carry it.
///
/// # Errors
/// [`WireError`] if there are not 32 bytes.
pub fn digest(field: &str, wire: &[u8]) -> Result<Sha256, WireError> {
    let bytes = wire.try_into();
    bytes
        .map(Sha256)
        .map_err(|_| WireError::new(field, format!("{} bytes are no SHA-256 digest", wire.len())))
}

impl From<&InputStamp> for worker::InputStamp {
    fn from(stamp: &InputStamp) -> Self {
        let InputStamp {
            location,
            size_bytes,
            modified_ns,
        } = stamp;
        Self {
            uri: location.to_string(),
            size_bytes: *size_bytes,
            modified_ns: *modified_ns,
        }
    }
}

impl TryFrom<worker::InputStamp> for InputStamp {
    type Error = WireError;

    fn try_from(wire: worker::InputStamp) -> Result<Self, WireError> {
        let worker::InputStamp {
            uri,
            size_bytes,
            modified_ns,
        } = wire;
        Ok(Self {
            location: location("uri", &uri)?,
            size_bytes,
            modified_ns,
        })
    }
}

impl From<SplitCursor> for worker::SplitDetail {
    fn from(cursor: SplitCursor) -> Self {
        let SplitCursor {
            next_batch,
            next_ordinal,
            offsets: [offset1, offset2],
        } = cursor;
        Self {
            next_batch,
            next_ordinal,
            offset1,
            offset2,
        }
    }
}

impl From<worker::SplitDetail> for SplitCursor {
    fn from(wire: worker::SplitDetail) -> Self {
        let worker::SplitDetail {
            next_batch,
            next_ordinal,
            offset1,
            offset2,
        } = wire;
        Self {
            next_batch,
            next_ordinal,
            offsets: [offset1, offset2],
        }
    }
}

impl From<&ReadBatch> for worker::ReadBatch {
    fn from(batch: &ReadBatch) -> Self {
        let ReadBatch {
            lane,
            index,
            first_ordinal,
            reads,
            bases,
            paired,
            source,
        } = batch;
        let ReadSource::Object(object) = source;
        Self {
            lane: *lane,
            index: *index,
            first_ordinal: *first_ordinal,
            reads: *reads,
            bases: *bases,
            paired: *paired,
            source: Some(worker::read_batch::Source::Object(object.into())),
        }
    }
}

impl TryFrom<worker::ReadBatch> for ReadBatch {
    type Error = WireError;

    fn try_from(wire: worker::ReadBatch) -> Result<Self, WireError> {
        let worker::ReadBatch {
            lane,
            index,
            first_ordinal,
            reads,
            bases,
            paired,
            source,
        } = wire;
        let unread = |field, what: &str| {
            Err(WireError::new(
                field,
                format!("read batches in {what} are not read yet"),
            ))
        };
        let source = match source {
            None => return Err(WireError::new("source", "must be set")),
            Some(worker::read_batch::Source::Object(object)) => ReadSource::Object(
                object
                    .try_into()
                    .map_err(|e: WireError| e.within("object"))?,
            ),
            Some(worker::read_batch::Source::Plain(_)) => {
                return unread("plain", "plain text files");
            }
            Some(worker::read_batch::Source::Bgzf(_)) => return unread("bgzf", "BGZF files"),
            Some(worker::read_batch::Source::Gzip(_)) => return unread("gzip", "gzip files"),
        };
        Ok(Self {
            lane,
            index,
            first_ordinal,
            reads,
            bases,
            paired,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_digests_and_unknown_stages_are_refused() {
        assert!(digest("sha256", &[0; 31]).is_err());
        assert!(stage(0).is_err());
        assert!(stage(99).is_err());
        assert_eq!(stage(3), Ok(Stage::Align));
    }

    #[test]
    fn read_batches_in_input_files_are_refused_by_name() {
        let plain = worker::PlainRange::default();
        let wire = worker::ReadBatch {
            source: Some(worker::read_batch::Source::Plain(plain)),
            ..worker::ReadBatch::default()
        };
        assert_eq!(ReadBatch::try_from(wire).unwrap_err().field, "plain");
    }
}
