//! Tasks, attempts, objects, read batches and manifests on the wire.

use std::collections::BTreeMap;

use prost::Message;
use proto::{v1, worker::v1 as worker};

use super::{WireError, genome::location, required};
use crate::ids::{AttemptNumber, Sha256, WorkflowId};
use crate::task::{
    AttemptId, InputStamp, Manifest, ObjectRef, ReadBatch, ReadSource, SplitCursor, Stage, TaskId,
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

impl From<&Manifest> for worker::Manifest {
    fn from(manifest: &Manifest) -> Self {
        let Manifest {
            attempt,
            outputs,
            read_batch,
        } = manifest;
        let output = |(name, object): (&String, &ObjectRef)| worker::Output {
            name: name.clone(),
            object: Some(object.into()),
        };
        Self {
            attempt: Some(attempt.into()),
            outputs: outputs.iter().map(output).collect(),
            read_batch: read_batch.as_ref().map(Into::into),
        }
    }
}

impl TryFrom<worker::Manifest> for Manifest {
    type Error = WireError;

    fn try_from(wire: worker::Manifest) -> Result<Self, WireError> {
        let worker::Manifest {
            attempt,
            outputs,
            read_batch,
        } = wire;
        let mut by_role = BTreeMap::new();
        for (index, output) in outputs.into_iter().enumerate() {
            let field = format!("outputs[{index}]");
            let worker::Output { name, object } = output;
            let object = required("object", object).map_err(|e| e.within(&field))?;
            if by_role.insert(name, object).is_some() {
                return Err(WireError::new(format!("{field}.name"), "stands twice"));
            }
        }
        Ok(Self {
            attempt: required("attempt", attempt)?,
            outputs: by_role,
            read_batch: read_batch
                .map(|batch| required("read_batch", Some(batch)))
                .transpose()?,
        })
    }
}

impl Manifest {
    /// Returns the bytes of the manifest's object.
    pub fn encode(&self) -> Vec<u8> {
        worker::Manifest::from(self).encode_to_vec()
    }

    /// Reads the bytes of a manifest's object.
    ///
    /// # Errors
    /// [`WireError`] if they are not a manifest.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        decode::<worker::Manifest>("manifest", bytes)?.try_into()
    }

    /// Returns the bytes of a stage manifest's object; `tasks` are in order of task index.
    pub fn encode_stage<'a>(tasks: impl IntoIterator<Item = &'a Self>) -> Vec<u8> {
        let tasks = tasks.into_iter().map(Into::into).collect();
        worker::StageManifest { tasks }.encode_to_vec()
    }

    /// Reads the bytes of a stage manifest's object.
    ///
    /// # Errors
    /// [`WireError`] if they are not a stage manifest.
    pub fn decode_stage(bytes: &[u8]) -> Result<Vec<Self>, WireError> {
        let worker::StageManifest { tasks } = decode("stage manifest", bytes)?;
        let read = |(index, task): (usize, worker::Manifest)| {
            Self::try_from(task).map_err(|e| e.within(&format!("tasks[{index}]")))
        };
        tasks.into_iter().enumerate().map(read).collect()
    }
}

fn decode<M: Message + Default>(what: &str, bytes: &[u8]) -> Result<M, WireError> {
    M::decode(bytes).map_err(|error| WireError::new(what, error.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    proptest! {
        #[test]
        fn manifests_survive_a_round_trip(
            tasks in prop::collection::vec(strategies::manifest(), 0..3),
        ) {
            for task in &tasks {
                prop_assert_eq!(&Manifest::decode(&task.encode()).unwrap(), task);
            }
            prop_assert_eq!(Manifest::decode_stage(&Manifest::encode_stage(&tasks)).unwrap(), tasks);
        }
    }

    #[test]
    fn an_output_may_not_stand_twice() {
        let object = worker::ObjectRef {
            key: "a".into(),
            size_bytes: 1,
            sha256: vec![0; 32],
        };
        let output = worker::Output {
            name: "run".into(),
            object: Some(object),
        };
        let wire = worker::Manifest {
            attempt: None,
            outputs: vec![output.clone(), output],
            read_batch: None,
        };
        assert_eq!(
            Manifest::try_from(wire).unwrap_err().field,
            "outputs[1].name"
        );
    }

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
