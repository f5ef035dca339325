//! Exit codes: what a script may rely on.

use std::process::ExitCode;

use common::failure::FailureClass;
use proto::v1::{ErrorClass, Workflow, WorkflowState};
use tonic::Code;

/// Why the program ends otherwise than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Exit {
    /// 1: the work failed, or something unforeseen happened.
    #[error("failed")]
    Failed,
    /// 2: the command line is wrong, or asks for what does not exist.
    #[error("wrong usage")]
    Usage,
    /// 3: an input is wrong.
    #[error("invalid input")]
    InvalidInput,
    /// 4: the server cannot be reached or refuses the client.
    #[error("server not available")]
    Unavailable,
    /// 5: the workflow was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// 130: interrupted; the work can be resumed.
    #[error("interrupted")]
    Interrupted,
}

impl Exit {
    /// Returns the code.
    pub const fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::InvalidInput => 3,
            Self::Unavailable => 4,
            Self::Cancelled => 5,
            Self::Interrupted => 130,
        }
    }
}

/// An error that has been shown already, or is to be shown as it is, with its exit code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Ended {
    /// The code.
    pub exit: Exit,
    /// What to print; empty when it has been shown.
    pub message: String,
}

/// Makes an error of a message and a code.
pub fn ended(exit: Exit, message: impl Into<String>) -> anyhow::Error {
    Ended {
        exit,
        message: message.into(),
    }
    .into()
}

/// Prints an error, unless it has been shown, and returns its code.
pub fn report(error: &anyhow::Error) -> ExitCode {
    let text = format!("{error:#}");
    if !text.is_empty() {
        eprintln!("spindle: {text}");
    }
    ExitCode::from(code_of(error))
}

fn code_of(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if let Some(ended) = cause.downcast_ref::<Ended>() {
            return ended.exit.code();
        }
        if let Some(failure) = cause.downcast_ref::<common::failure::Failure>() {
            let invalid = failure.class == FailureClass::InputInvalid;
            return if invalid {
                Exit::InvalidInput
            } else {
                Exit::Failed
            }
            .code();
        }
    }
    Exit::Failed.code()
}

/// Turns a server's refusal into an error with the right code.
pub fn refused(status: &tonic::Status) -> anyhow::Error {
    let exit = match status.code() {
        Code::Unavailable | Code::Unauthenticated | Code::PermissionDenied => Exit::Unavailable,
        Code::InvalidArgument | Code::NotFound | Code::AlreadyExists | Code::OutOfRange => {
            Exit::InvalidInput
        }
        Code::Cancelled => Exit::Cancelled,
        _ => Exit::Failed,
    };
    ended(exit, status.message())
}

/// Says how a workflow that has ended ends the program.
///
/// # Errors
/// Unless it succeeded.
pub fn outcome(workflow: &Workflow) -> anyhow::Result<()> {
    let error = workflow.error.clone().unwrap_or_default();
    let message = crate::text::error(&error);
    match workflow.state() {
        WorkflowState::Succeeded => Ok(()),
        WorkflowState::Cancelled => Err(ended(Exit::Cancelled, "workflow was cancelled")),
        _ if error.error_class() == ErrorClass::InputInvalid => {
            Err(ended(Exit::InvalidInput, message))
        }
        _ => Err(ended(Exit::Failed, message)),
    }
}
