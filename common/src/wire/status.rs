//! Failures as gRPC statuses, with google.rpc details, and back.

use std::collections::HashMap;
use std::time::Duration;

use proto::v1;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::WireError;
use crate::failure::{Failure, FailureClass};

/// The domain of every `ErrorInfo`.
pub const DOMAIN: &str = "spindle";

/// Metadata of `ErrorInfo`: the file at fault, and the record in it.
const FILE: &str = "file";
const RECORD: &str = "record";
/// How long a client should wait before it tries again after a passing fault.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// Statuses travel in HTTP/2 headers, which peers limit to some kilobytes.
const MESSAGE_CHARACTERS: usize = 1_000;
/// What a class is called in the proto, before its word.
const CLASS_PREFIX: &str = "ERROR_CLASS_";

/// Returns the gRPC code of a class.
pub const fn code(class: FailureClass) -> Code {
    match class {
        FailureClass::InputInvalid => Code::InvalidArgument,
        FailureClass::CredentialsExpired => Code::Unauthenticated,
        FailureClass::StorageTransient => Code::Unavailable,
        FailureClass::WorkerLost | FailureClass::Preempted => Code::Aborted,
        FailureClass::OutOfResources => Code::ResourceExhausted,
        FailureClass::IntermediateLost => Code::DataLoss,
        FailureClass::Internal | FailureClass::Nondeterminism => Code::Internal,
        FailureClass::Cancelled => Code::Cancelled,
    }
}

/// Returns the class of a code that came without a reason.
const fn class_of(code: Code) -> FailureClass {
    match code {
        Code::InvalidArgument
        | Code::OutOfRange
        | Code::FailedPrecondition
        | Code::AlreadyExists
        | Code::Unimplemented => FailureClass::InputInvalid,
        Code::Unauthenticated | Code::PermissionDenied => FailureClass::CredentialsExpired,
        Code::Unavailable | Code::DeadlineExceeded => FailureClass::StorageTransient,
        Code::Aborted => FailureClass::Preempted,
        Code::ResourceExhausted => FailureClass::OutOfResources,
        Code::NotFound | Code::DataLoss => FailureClass::IntermediateLost,
        Code::Cancelled => FailureClass::Cancelled,
        Code::Ok | Code::Unknown | Code::Internal => FailureClass::Internal,
    }
}

/// Returns the word of a class in `ErrorInfo.reason`, such as `INPUT_INVALID`.
pub fn reason(class: FailureClass) -> &'static str {
    let name = v1::ErrorClass::from(class).as_str_name();
    name.strip_prefix(CLASS_PREFIX).unwrap_or(name)
}

fn class_of_reason(reason: &str) -> Option<FailureClass> {
    let wire = v1::ErrorClass::from_str_name(&format!("{CLASS_PREFIX}{reason}"))?;
    FailureClass::try_from(wire).ok()
}

/// Makes a status with an `ErrorInfo`, and with a `RetryInfo` where waiting helps.
pub fn refusal(code: Code, reason: &str, message: &str, retry_after: Option<Duration>) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, DOMAIN, HashMap::new());
    if retry_after.is_some() {
        details.set_retry_info(retry_after);
    }
    Status::with_error_details(code, cut(message), details)
}

impl From<&Failure> for Status {
    fn from(failure: &Failure) -> Self {
        let Failure {
            class,
            message,
            file,
            record,
        } = failure;
        let file = file.as_ref().map(|file| (FILE.to_owned(), cut(file)));
        let record = record.map(|record| (RECORD.to_owned(), record.to_string()));
        let metadata: HashMap<String, String> = file.into_iter().chain(record).collect();
        let mut details = ErrorDetails::with_error_info(reason(*class), DOMAIN, metadata);
        if *class == FailureClass::StorageTransient {
            details.set_retry_info(Some(RETRY_AFTER));
        }
        Self::with_error_details(code(*class), cut(message), details)
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        (&failure).into()
    }
}

impl From<&Status> for Failure {
    fn from(status: &Status) -> Self {
        let failure = Self::new(class_of(status.code()), status.message());
        let details = status.get_error_details();
        let Some(info) = details.error_info().filter(|info| info.domain == DOMAIN) else {
            return failure;
        };
        Self {
            class: class_of_reason(&info.reason).unwrap_or(failure.class),
            file: info.metadata.get(FILE).cloned(),
            record: info.metadata.get(RECORD).and_then(|text| text.parse().ok()),
            ..failure
        }
    }
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        (&status).into()
    }
}

impl From<WireError> for Status {
    fn from(error: WireError) -> Self {
        let message = cut(&error.to_string());
        let WireError {
            field,
            reason: what,
        } = error;
        let mut details = ErrorDetails::with_bad_request_violation(cut(&field), cut(&what));
        let class = reason(FailureClass::InputInvalid);
        details.set_error_info(class, DOMAIN, HashMap::new());
        Self::with_error_details(Code::InvalidArgument, message, details)
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MESSAGE_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::wire::strategies;

    proptest! {
        #[test]
        fn failures_survive_the_way_through_a_status(failure in strategies::failure()) {
            let status = Status::from(&failure);
            prop_assert_eq!(status.code(), code(failure.class));
            prop_assert_eq!(Failure::from(&status), failure);
        }
    }

    #[test]
    fn a_wire_error_names_the_field_at_fault() {
        let status = Status::from(WireError::new("genome.sample", "is empty"));
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        let violations = &details.bad_request().unwrap().field_violations;
        assert_eq!(violations[0].field, "genome.sample");
        assert_eq!(violations[0].description, "is empty");
        assert_eq!(Failure::from(&status).class, FailureClass::InputInvalid);
    }

    #[test]
    fn only_passing_faults_ask_for_another_try() {
        let retry = |class| {
            let details = Status::from(Failure::new(class, "x")).get_error_details();
            details.retry_info().and_then(|info| info.retry_delay)
        };
        assert_eq!(retry(FailureClass::StorageTransient), Some(RETRY_AFTER));
        assert_eq!(retry(FailureClass::InputInvalid), None);
    }

    #[test]
    fn a_foreign_status_is_judged_by_its_code() {
        let failure = Failure::from(Status::unavailable("connection refused"));
        assert_eq!(failure.class, FailureClass::StorageTransient);
    }

    #[test]
    fn long_messages_are_cut() {
        let status = Status::from(Failure::new(FailureClass::Internal, "é".repeat(5_000)));
        assert_eq!(status.message().chars().count(), MESSAGE_CHARACTERS);
    }
}
