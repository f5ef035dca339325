//! Failures on the wire, as tasks report them and as clients see them.

use proto::{v1, worker::v1 as worker};

use super::WireError;
use crate::failure::{Failure, FailureClass};
use crate::task::TaskId;

impl From<FailureClass> for v1::ErrorClass {
    fn from(class: FailureClass) -> Self {
        match class {
            FailureClass::InputInvalid => Self::InputInvalid,
            FailureClass::CredentialsExpired => Self::CredentialsExpired,
            FailureClass::StorageTransient => Self::StorageTransient,
            FailureClass::WorkerLost => Self::WorkerLost,
            FailureClass::Preempted => Self::Preempted,
            FailureClass::OutOfResources => Self::OutOfResources,
            FailureClass::IntermediateLost => Self::IntermediateLost,
            FailureClass::Internal => Self::Internal,
            FailureClass::Nondeterminism => Self::Nondeterminism,
            FailureClass::Cancelled => Self::Cancelled,
        }
    }
}

impl TryFrom<v1::ErrorClass> for FailureClass {
    type Error = WireError;

    fn try_from(wire: v1::ErrorClass) -> Result<Self, WireError> {
        Ok(match wire {
            v1::ErrorClass::Unspecified => {
                return Err(WireError::new("error_class", "must be set"));
            }
            v1::ErrorClass::InputInvalid => Self::InputInvalid,
            v1::ErrorClass::CredentialsExpired => Self::CredentialsExpired,
            v1::ErrorClass::StorageTransient => Self::StorageTransient,
            v1::ErrorClass::WorkerLost => Self::WorkerLost,
            v1::ErrorClass::Preempted => Self::Preempted,
            v1::ErrorClass::OutOfResources => Self::OutOfResources,
            v1::ErrorClass::IntermediateLost => Self::IntermediateLost,
            v1::ErrorClass::Internal => Self::Internal,
            v1::ErrorClass::Nondeterminism => Self::Nondeterminism,
            v1::ErrorClass::Cancelled => Self::Cancelled,
        })
    }
}

/// Reads a class as messages carry it.
///
/// # Errors
/// [`WireError`] of the field `error_class` if the number is none of a class.
pub fn class(wire: i32) -> Result<FailureClass, WireError> {
    let known = v1::ErrorClass::try_from(wire);
    known
        .map_err(|_| WireError::new("error_class", format!("{wire} is no class")))?
        .try_into()
}

impl From<&Failure> for worker::TaskError {
    fn from(failure: &Failure) -> Self {
        let Failure {
            class,
            message,
            file,
            record,
        } = failure;
        Self {
            error_class: v1::ErrorClass::from(*class).into(),
            message: message.clone(),
            file: file.clone().unwrap_or_default(),
            record: record.unwrap_or_default(),
        }
    }
}

impl TryFrom<worker::TaskError> for Failure {
    type Error = WireError;

    fn try_from(wire: worker::TaskError) -> Result<Self, WireError> {
        let worker::TaskError {
            error_class,
            message,
            file,
            record,
        } = wire;
        Ok(Self {
            class: class(error_class)?,
            message,
            file: (!file.is_empty()).then_some(file),
            record: (record != 0).then_some(record),
        })
    }
}

/// Returns a failure as clients see it, with the task in which it happened.
pub fn workflow_error(failure: &Failure, task: Option<&TaskId>) -> v1::WorkflowError {
    let Failure {
        class,
        message,
        file,
        record,
    } = failure;
    let stage = task.map_or(v1::Stage::Unspecified, |task| task.stage.into());
    v1::WorkflowError {
        error_class: v1::ErrorClass::from(*class).into(),
        message: message.clone(),
        file: file.clone().unwrap_or_default(),
        record: record.unwrap_or_default(),
        stage: stage.into(),
        task_index: task.map_or(0, |task| task.index),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    proptest! {
        #[test]
        fn failures_survive_a_round_trip(failure in strategies::failure()) {
            let wire = worker::TaskError::from(&failure);
            prop_assert_eq!(Failure::try_from(wire).unwrap(), failure);
        }
    }

    #[test]
    fn unknown_classes_are_refused() {
        assert!(class(0).is_err());
        assert!(class(77).is_err());
        assert_eq!(class(10), Ok(FailureClass::Cancelled));
    }
}
