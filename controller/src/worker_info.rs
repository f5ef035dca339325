//! What a worker says of itself when it attaches.

use std::collections::BTreeMap;

use common::ids::WorkerId;
use common::task::{AttemptId, Resources, Stage};
use common::wire::WireError;
use proto::worker::v1 as wire;

/// The version of the protocol between controller and worker.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a worker says of itself when it attaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Kept while its process lives.
    pub id: WorkerId,
    /// Name of its machine.
    pub host: String,
    /// What it has.
    pub resources: Resources,
    /// Version of the protocol that it speaks.
    pub protocol_version: u32,
    /// The stages that it runs, and the versions of their bytes.
    pub output_versions: BTreeMap<Stage, u32>,
    /// Attempts that it still runs, or whose result was not acknowledged.
    pub holding: Vec<AttemptId>,
    /// The nonces that it read in its roots.
    pub roots: BTreeMap<String, String>,
    /// Attempts that it takes at the same time.
    pub credits: u32,
}

impl TryFrom<wire::Hello> for WorkerInfo {
    type Error = WireError;

    fn try_from(hello: wire::Hello) -> Result<Self, WireError> {
        let wire::Hello {
            protocol_version,
            worker_id,
            host,
            cores,
            memory_bytes,
            scratch_bytes: _,
            output_versions,
            holding,
            roots,
            credits,
        } = hello;
        if worker_id.is_empty() || worker_id.len() > 128 {
            return Err(WireError::new("hello.worker_id", "has 1-128 characters"));
        }
        if cores == 0 {
            return Err(WireError::new("hello.cores", "is at least 1"));
        }
        let holding = holding.into_iter().enumerate().map(|(i, attempt)| {
            AttemptId::try_from(attempt).map_err(|e| e.within(&format!("hello.holding[{i}]")))
        });
        Ok(Self {
            id: WorkerId::new(worker_id),
            host,
            resources: Resources {
                cores,
                memory_bytes,
            },
            protocol_version,
            // A stage that this controller does not know is never asked for.
            output_versions: output_versions
                .into_iter()
                .filter_map(|(name, version)| Some((stage_named(&name)?, version)))
                .collect(),
            holding: holding.collect::<Result<_, _>>()?,
            roots,
            credits: credits.map_or(u32::MAX, |wire::Credits { attempts }| attempts),
        })
    }
}

fn stage_named(name: &str) -> Option<Stage> {
    Stage::ALL.into_iter().find(|stage| stage.name() == name)
}
