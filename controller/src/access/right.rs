//! Roles, the rights that they have, and the right that each call needs.

use std::fmt;

use serde::Deserialize;

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sees genomes and their outputs.
    Reader,
    /// A reader that submits and cancels.
    Submitter,
    /// A submitter that runs the pool of workers.
    Operator,
    /// Everything.
    Admin,
    /// Reads the audit log, and nothing else.
    Auditor,
    /// Runs tasks.
    Worker,
}

/// What a call needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// See genomes and outputs.
    Read,
    /// Submit, upload, cancel.
    Submit,
    /// See and drain workers.
    Operate,
    /// Read the audit log.
    Audit,
    /// Attach as a worker; read and write objects.
    Work,
    /// Ask what services there are.
    Discover,
}

impl Right {
    /// Says whether the right is about the whole cluster, not about the genomes of one tenant.
    pub const fn is_about_the_cluster(self) -> bool {
        matches!(self, Self::Operate | Self::Audit | Self::Work)
    }
}

impl Role {
    /// Says whether the role has a right.
    pub const fn has(self, right: Right) -> bool {
        match right {
            Right::Discover => true,
            Right::Read => !matches!(self, Self::Auditor | Self::Worker),
            Right::Submit => matches!(self, Self::Submitter | Self::Operator | Self::Admin),
            Right::Operate => matches!(self, Self::Operator | Self::Admin),
            Right::Audit => matches!(self, Self::Auditor | Self::Admin),
            Right::Work => matches!(self, Self::Worker | Self::Admin),
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reader => "reader",
            Self::Submitter => "submitter",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Auditor => "auditor",
            Self::Worker => "worker",
        })
    }
}

/// Returns the right that a call needs, by its path `/SERVICE/METHOD`; `None`: nobody has it.
pub fn right_of(path: &str) -> Option<Right> {
    let (service, method) = path.strip_prefix('/')?.split_once('/')?;
    match (service, method) {
        (
            "spindle.v1.Genomics",
            "SubmitBatch" | "CancelWorkflow" | "RenewLogin" | "UploadReads",
        ) => Some(Right::Submit),
        (
            "spindle.v1.Genomics",
            "GetWorkflow" | "ListWorkflows" | "WatchWorkflow" | "DownloadOutput",
        ) => Some(Right::Read),
        ("spindle.v1.References", "ListReferences" | "GetReference") => Some(Right::Read),
        ("spindle.v1.References", _) => Some(Right::Operate),
        ("spindle.v1.Admin", "ReadAudit") => Some(Right::Audit),
        ("spindle.v1.Admin", _) => Some(Right::Operate),
        ("spindle.worker.v1.Workers" | "spindle.worker.v1.Objects", _) => Some(Right::Work),
        ("grpc.reflection.v1.ServerReflection", _) => Some(Right::Discover),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost_types::FileDescriptorSet;

    use super::*;

    #[test]
    fn every_call_of_the_contract_needs_a_right() {
        let set = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut calls = 0;
        for file in &set.file {
            for service in &file.service {
                for method in &service.method {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    assert!(right_of(&path).is_some(), "{path}");
                    calls += 1;
                }
            }
        }
        assert!(calls > 10);
        assert_eq!(right_of("/spindle.v1.Genomics/Other"), None);
        assert_eq!(right_of("no path"), None);
    }

    #[test]
    fn roles_rise_from_reader_to_admin() {
        let rights = [Right::Read, Right::Submit, Right::Operate, Right::Audit];
        let of = |role: Role| rights.map(|right| role.has(right));
        assert_eq!(of(Role::Reader), [true, false, false, false]);
        assert_eq!(of(Role::Submitter), [true, true, false, false]);
        assert_eq!(of(Role::Operator), [true, true, true, false]);
        assert_eq!(of(Role::Admin), [true, true, true, true]);
        assert_eq!(of(Role::Auditor), [false, false, false, true]);
        assert!(Role::Worker.has(Right::Work) && !Role::Worker.has(Right::Read));
    }
}
