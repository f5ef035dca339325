//! Workflows and their states on the wire.

use proto::v1;

use super::WireError;
use crate::workflow::{GenomeSpec, Priority, Work, WorkflowSpec};

/// The longest description, in characters.
const DESCRIPTION_CHARACTERS: usize = 500;
/// The largest probe.
const PROBE_TASKS: u32 = 1_000_000;

impl From<&WorkflowSpec> for v1::WorkflowSpec {
    fn from(spec: &WorkflowSpec) -> Self {
        Self {
            priority: u32::from(spec.priority.0),
            description: spec.description.clone(),
            work: Some(match &spec.work {
                Work::Genome(genome) => v1::workflow_spec::Work::Genome(genome.as_ref().into()),
                Work::Probe { tasks } => {
                    v1::workflow_spec::Work::Probe(v1::Probe { tasks: *tasks })
                }
            }),
            no_cache: spec.no_cache,
        }
    }
}

impl From<WorkflowSpec> for v1::WorkflowSpec {
    fn from(spec: WorkflowSpec) -> Self {
        (&spec).into()
    }
}

impl TryFrom<v1::WorkflowSpec> for WorkflowSpec {
    type Error = WireError;

    fn try_from(wire: v1::WorkflowSpec) -> Result<Self, WireError> {
        let v1::WorkflowSpec {
            priority,
            description,
            work,
            no_cache,
        } = wire;
        Ok(Self {
            priority: read_priority(priority)?,
            description: read_description(description)?,
            work: work
                .ok_or_else(|| WireError::new("work", "one of genome, probe must be set"))?
                .try_into()?,
            no_cache,
        })
    }
}

impl TryFrom<v1::workflow_spec::Work> for Work {
    type Error = WireError;

    fn try_from(wire: v1::workflow_spec::Work) -> Result<Self, WireError> {
        match wire {
            v1::workflow_spec::Work::Genome(genome) => {
                let genome = GenomeSpec::try_from(genome).map_err(|e| e.within("genome"))?;
                Ok(Self::Genome(Box::new(genome)))
            }
            v1::workflow_spec::Work::Probe(v1::Probe { tasks }) => {
                if (1..=PROBE_TASKS).contains(&tasks) {
                    return Ok(Self::Probe { tasks });
                }
                let reason = format!("{tasks} is not in 1-{PROBE_TASKS}");
                Err(WireError::new("probe.tasks", reason))
            }
        }
    }
}

fn read_priority(wire: u32) -> Result<Priority, WireError> {
    match wire {
        0 => Ok(Priority::default()),
        1..=5 => Ok(Priority(wire as u8)),
        _ => Err(WireError::new("priority", format!("{wire} is not in 1-5"))),
    }
}

fn read_description(text: String) -> Result<String, WireError> {
    let characters = text.chars().count();
    if characters <= DESCRIPTION_CHARACTERS {
        return Ok(text);
    }
    let reason = format!("{characters} characters, at most {DESCRIPTION_CHARACTERS} are kept");
    Err(WireError::new("description", reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    fn probe(tasks: u32) -> v1::WorkflowSpec {
        v1::WorkflowSpec {
            priority: 0,
            description: String::new(),
            work: Some(v1::workflow_spec::Work::Probe(v1::Probe { tasks })),
            no_cache: false,
        }
    }

    #[test]
    fn priority_zero_means_three() {
        let spec = WorkflowSpec::try_from(probe(1)).unwrap();
        assert_eq!(spec.priority, Priority(3));
    }

    #[test]
    fn values_out_of_bounds_name_their_field() {
        let cases = [
            (
                v1::WorkflowSpec {
                    priority: 6,
                    ..probe(1)
                },
                "priority",
            ),
            (probe(0), "probe.tasks"),
            (probe(1_000_001), "probe.tasks"),
            (
                v1::WorkflowSpec {
                    work: None,
                    ..probe(1)
                },
                "work",
            ),
            (
                v1::WorkflowSpec {
                    description: "é".repeat(501),
                    ..probe(1)
                },
                "description",
            ),
        ];
        for (wire, field) in cases {
            assert_eq!(WorkflowSpec::try_from(wire).unwrap_err().field, field);
        }
        let longest = v1::WorkflowSpec {
            description: "é".repeat(500),
            ..probe(1_000_000)
        };
        assert!(WorkflowSpec::try_from(longest).is_ok());
    }

    proptest! {
        #[test]
        fn specs_survive_a_round_trip(spec in strategies::workflow_spec()) {
            let wire = v1::WorkflowSpec::from(&spec);
            prop_assert_eq!(WorkflowSpec::try_from(wire).unwrap(), spec);
        }
    }
}
