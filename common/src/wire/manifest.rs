//! Manifests of tasks and of stages, on the wire and as objects.

use std::collections::BTreeMap;

use prost::Message;
use proto::worker::v1 as worker;

use super::{WireError, required};
use crate::task::{Manifest, ObjectRef};

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
}
