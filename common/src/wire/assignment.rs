//! What a worker is given, on the wire.

use std::sync::Arc;

use proto::worker::v1 as worker;

use super::task::stage;
use super::{WireError, required};
use crate::ids::Epoch;
use crate::task::{Assignment, Detail, InputStamp, ObjectRef, Resources, Stage};
use crate::trace::TraceContext;
use crate::workflow::GenomeSpec;

impl From<&Assignment> for worker::Assignment {
    fn from(assignment: &Assignment) -> Self {
        let Assignment {
            attempt,
            epoch,
            resources,
            output_prefix,
            genome,
            inputs,
            upstream,
            detail,
            trace,
        } = assignment;
        Self {
            attempt: Some(attempt.into()),
            epoch: epoch.0,
            cores: resources.cores,
            memory_bytes: resources.memory_bytes,
            output_prefix: output_prefix.clone(),
            genome: genome.as_deref().map(Into::into),
            inputs: inputs.iter().map(Into::into).collect(),
            upstream: upstream.iter().map(stage_output).collect(),
            detail: match detail {
                Detail::None => None,
                Detail::Split(cursor) => Some(worker::assignment::Detail::Split((*cursor).into())),
                Detail::Align(batch) => Some(worker::assignment::Detail::ReadBatch(batch.into())),
            },
            traceparent: trace
                .as_ref()
                .map_or_else(String::new, TraceContext::to_string),
        }
    }
}

fn stage_output((stage, manifest): &(Stage, ObjectRef)) -> worker::StageOutput {
    worker::StageOutput {
        stage: proto::v1::Stage::from(*stage).into(),
        manifest: Some(manifest.into()),
    }
}

impl TryFrom<worker::Assignment> for Assignment {
    type Error = WireError;

    fn try_from(wire: worker::Assignment) -> Result<Self, WireError> {
        let worker::Assignment {
            attempt,
            epoch,
            cores,
            memory_bytes,
            output_prefix,
            genome,
            inputs,
            upstream,
            detail,
            traceparent,
        } = wire;
        let genome = genome
            .map(|genome| required::<_, GenomeSpec>("genome", Some(genome)))
            .transpose()?;
        Ok(Self {
            attempt: required("attempt", attempt)?,
            epoch: Epoch(epoch),
            resources: Resources {
                cores,
                memory_bytes,
            },
            output_prefix,
            genome: genome.map(Arc::new),
            inputs: each("inputs", inputs, InputStamp::try_from)?.into(),
            upstream: each("upstream", upstream, read_stage_output)?,
            detail: read_detail(detail)?,
            trace: TraceContext::read(&traceparent),
        })
    }
}

fn read_stage_output(wire: worker::StageOutput) -> Result<(Stage, ObjectRef), WireError> {
    let worker::StageOutput {
        stage: of,
        manifest,
    } = wire;
    Ok((stage(of)?, required("manifest", manifest)?))
}

fn read_detail(wire: Option<worker::assignment::Detail>) -> Result<Detail, WireError> {
    match wire {
        None => Ok(Detail::None),
        Some(worker::assignment::Detail::Split(cursor)) => Ok(Detail::Split(cursor.into())),
        Some(worker::assignment::Detail::ReadBatch(batch)) => {
            required("read_batch", Some(batch)).map(Detail::Align)
        }
    }
}

fn each<W, D>(
    field: &str,
    wire: Vec<W>,
    read: impl Fn(W) -> Result<D, WireError>,
) -> Result<Vec<D>, WireError> {
    let read = |(index, wire)| read(wire).map_err(|e| e.within(&format!("{field}[{index}]")));
    wire.into_iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    proptest! {
        #[test]
        fn assignments_survive_a_round_trip(assignment in strategies::assignment()) {
            let wire = worker::Assignment::from(&assignment);
            prop_assert_eq!(Assignment::try_from(wire).unwrap(), assignment);
        }
    }

    #[test]
    fn a_fault_deep_inside_is_named_by_its_path() {
        let upstream = worker::StageOutput {
            stage: 3,
            manifest: None,
        };
        let wire = worker::Assignment {
            attempt: Some(worker::AttemptId {
                task: Some(worker::TaskId {
                    workflow_id: "w".into(),
                    stage: 5,
                    index: 0,
                }),
                number: 1,
            }),
            upstream: vec![upstream],
            ..worker::Assignment::default()
        };
        let error = Assignment::try_from(wire).unwrap_err();
        assert_eq!(error.to_string(), "upstream[0].manifest: must be set");
    }
}
