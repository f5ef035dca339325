//! Wire form of the domain types: `From` domain to wire, `TryFrom` wire to domain.
//!
//! Generated types are destructured without `..`, so that a new field cannot be missed.

pub mod assignment;
pub mod failure;
pub mod genome;
pub mod manifest;
pub mod report;
mod s3_login;
pub mod status;
#[cfg(test)]
mod strategies;
pub mod task;
pub mod workflow;

/// Why a message is not what its contract says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct WireError {
    /// Path of the field, such as `workflows[2].genome.lanes[0].fastq.reads1`.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl WireError {
    /// Makes an error of one field.
    pub fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason: reason.into(),
        }
    }

    /// Puts the name of the enclosing field in front.
    #[must_use]
    pub fn within(self, outer: &str) -> Self {
        Self {
            field: format!("{outer}.{}", self.field),
            ..self
        }
    }
}

/// Takes a message field that must be set, and converts it.
fn required<W, D: TryFrom<W, Error = WireError>>(
    field: &str,
    wire: Option<W>,
) -> Result<D, WireError> {
    let wire = wire.ok_or_else(|| WireError::new(field, "must be set"))?;
    D::try_from(wire).map_err(|error| error.within(field))
}
