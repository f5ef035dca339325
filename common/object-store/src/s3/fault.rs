//! What an answer of S3 means: the typed error, and when to ask again.

use std::error::Error as StdError;
use std::io;
use std::time::{Duration, SystemTime};

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use crate::Error;

/// An answer of S3 that is no success.
#[derive(Debug)]
pub(super) struct Fault {
    /// What it means.
    pub error: Error,
    /// The server's word for it; empty if there is none.
    pub code: String,
    /// How long the server asks to be left alone.
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// Makes a fault of our own.
    pub fn new(error: Error) -> Self {
        Self {
            error,
            code: String::new(),
            retry_after: None,
        }
    }
}

/// Judges an error of the SDK about an object.
pub(super) fn judge<E>(key: &str, error: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let code = error.code().unwrap_or_default().to_owned();
    let message = error.message().unwrap_or_default().to_owned();
    let (status, retry_after) = error.raw_response().map_or((0, None), |response| {
        let asked = response.headers().get("retry-after");
        (response.status().as_u16(), asked.and_then(wait_of))
    });
    let key = key.to_owned();
    let error = match &error {
        SdkError::ServiceError(_) => of_answer(key, &code, status, &message),
        SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Error::Transient {
            key,
            reason: DisplayErrorContext(&error).to_string(),
        },
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => unsent(key, &error),
        _ => Error::Io {
            key,
            source: io::Error::other(DisplayErrorContext(&error).to_string()),
        },
    };
    Fault {
        error,
        code,
        retry_after,
    }
}

/// Judges by the code, and by the status where the code is unknown or missing.
fn of_answer(key: String, code: &str, status: u16, message: &str) -> Error {
    let reason = match (code, message) {
        ("", "") => format!("status {status}"),
        (code, "") => code.to_owned(),
        ("", message) => message.to_owned(),
        (code, message) => format!("{code}: {message}"),
    };
    match code {
        "NoSuchKey" | "NotFound" | "NoSuchUpload" => Error::NotFound { key },
        "NoSuchBucket" => Error::Denied { key, reason },
        "ExpiredToken"
        | "ExpiredTokenException"
        | "TokenRefreshRequired"
        | "RequestExpired"
        | "InvalidToken" => Error::Expired { key, reason },
        "PreconditionFailed" => Error::Changed { key },
        "QuotaExceeded"
        | "InsufficientStorage"
        | "StorageFull"
        | "XMinioStorageFull"
        | "XMinioAdminBucketQuotaExceeded" => Error::Full { key },
        // The bytes broke on their way: they are sent again.
        "BadDigest"
        | "InvalidDigest"
        | "IncompleteBody"
        | "XAmzContentSHA256Mismatch"
        | "XAmzContentChecksumMismatch" => Error::Transient { key, reason },
        "SlowDown"
        | "InternalError"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "Throttling"
        | "ThrottlingException"
        | "TooManyRequests"
        | "OperationAborted"
        | "ConditionalRequestConflict"
        | "RequestTimeTooSkewed"
        | "BandwidthLimitExceeded" => Error::Transient { key, reason },
        _ => of_status(key, status, reason),
    }
}

fn of_status(key: String, status: u16, reason: String) -> Error {
    match status {
        404 => Error::NotFound { key },
        401 | 403 => Error::Denied { key, reason },
        412 => Error::Changed { key },
        507 => Error::Full { key },
        // 501 says that the server never will.
        501 => Error::Io {
            key,
            source: io::Error::new(io::ErrorKind::Unsupported, reason),
        },
        408 | 409 | 425 | 429 | 500.. => Error::Transient { key, reason },
        _ => Error::Io {
            key,
            source: io::Error::other(reason),
        },
    }
}

/// Judges a request that got no answer: there are no credentials, or no connection.
fn unsent(key: String, error: &(dyn StdError + 'static)) -> Error {
    let reason = DisplayErrorContext(error).to_string();
    let mut cause = Some(error);
    while let Some(current) = cause {
        if let Some(credentials) = current.downcast_ref::<CredentialsError>() {
            return match credentials {
                CredentialsError::CredentialsNotLoaded(_)
                | CredentialsError::InvalidConfiguration(_) => Error::Denied { key, reason },
                CredentialsError::ProviderTimedOut(_) => Error::Transient { key, reason },
                _ => Error::Expired { key, reason },
            };
        }
        cause = current.source();
    }
    Error::Transient { key, reason }
}

/// Reads `Retry-After`: seconds, or a date (RFC 9110 §10.2.3).
fn wait_of(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTime::from_str(text.trim(), Format::HttpDate).ok()?;
    let date = SystemTime::try_from(date).ok()?;
    date.duration_since(SystemTime::now()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(code: &str, status: u16) -> &'static str {
        match of_answer("k".into(), code, status, "") {
            Error::NotFound { .. } => "missing",
            Error::Full { .. } => "full",
            Error::Denied { .. } => "denied",
            Error::Expired { .. } => "expired",
            Error::Changed { .. } => "changed",
            Error::Transient { .. } => "transient",
            Error::Corrupt { .. } | Error::Key(_) | Error::Io { .. } => "other",
        }
    }

    #[test]
    fn codes_decide_and_statuses_stand_in() {
        for (code, status, expected) in [
            ("NoSuchKey", 404, "missing"),
            ("", 404, "missing"),
            ("NoSuchBucket", 404, "denied"),
            ("ExpiredToken", 400, "expired"),
            ("AccessDenied", 403, "denied"),
            ("PreconditionFailed", 412, "changed"),
            ("SlowDown", 503, "transient"),
            ("", 429, "transient"),
            ("BadDigest", 400, "transient"),
            ("XMinioStorageFull", 507, "full"),
            ("NotImplemented", 501, "other"),
            ("InvalidArgument", 400, "other"),
        ] {
            assert_eq!(class(code, status), expected, "{code} {status}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait_of("3"), Some(Duration::from_secs(3)));
        let hour = SystemTime::now() + Duration::from_secs(3600);
        let date = DateTime::from(hour).fmt(Format::HttpDate).unwrap();
        assert!(wait_of(&date).unwrap() > Duration::from_secs(3500));
        assert_eq!(wait_of("soon"), None);
    }
}
