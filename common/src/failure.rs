//! Why a task failed: typed from the engine to the wire, never guessed from text.

/// What decides whether and how a task is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureClass {
    /// The input is wrong. Terminal; the message names file, record and reason.
    InputInvalid,
    /// The workflow waits for new credentials.
    CredentialsExpired,
    /// Storage answered with a passing fault.
    StorageTransient,
    /// The worker is gone. Does not count as an attempt.
    WorkerLost,
    /// The worker handed the task back. Does not count as an attempt.
    Preempted,
    /// Memory or scratch ran out: more next time.
    OutOfResources,
    /// An intermediate object is gone or corrupt: its producer runs again.
    IntermediateLost,
    /// Anything else, a panic among them.
    Internal,
    /// Two attempts gave different digests.
    Nondeterminism,
    /// The attempt was ended on request.
    Cancelled,
}

impl FailureClass {
    /// All classes.
    pub const ALL: [Self; 10] = [
        Self::InputInvalid,
        Self::CredentialsExpired,
        Self::StorageTransient,
        Self::WorkerLost,
        Self::Preempted,
        Self::OutOfResources,
        Self::IntermediateLost,
        Self::Internal,
        Self::Nondeterminism,
        Self::Cancelled,
    ];

    /// Returns the word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::InputInvalid => "input_invalid",
            Self::CredentialsExpired => "credentials_expired",
            Self::StorageTransient => "storage_transient",
            Self::WorkerLost => "worker_lost",
            Self::Preempted => "preempted",
            Self::OutOfResources => "out_of_resources",
            Self::IntermediateLost => "intermediate_lost",
            Self::Internal => "internal",
            Self::Nondeterminism => "nondeterminism",
            Self::Cancelled => "cancelled",
        }
    }
}

/// A failure as it travels: its class, a sentence, and the place at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.describe())]
pub struct Failure {
    /// What decides about the next try.
    pub class: FailureClass,
    /// One sentence, lower case, without full stop.
    pub message: String,
    /// The file at fault, as submitted.
    pub file: Option<String>,
    /// 1-based number of the record at fault.
    pub record: Option<u64>,
}

impl Failure {
    /// Makes a failure without a place.
    pub fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            file: None,
            record: None,
        }
    }

    /// Makes an input failure of one file.
    pub fn input(file: impl Into<String>, message: impl Into<String>) -> Self {
        let failure = Self::new(FailureClass::InputInvalid, message);
        Self {
            file: Some(file.into()),
            ..failure
        }
    }

    /// Adds the 1-based number of the record at fault.
    #[must_use]
    pub fn at_record(self, record: u64) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    fn describe(&self) -> String {
        match (&self.file, self.record) {
            (Some(file), Some(record)) => format!("{file}: record {record}: {}", self.message),
            (Some(file), None) => format!("{file}: {}", self.message),
            (None, _) => self.message.clone(),
        }
    }
}
