//! Snapshots of workflows as objects, off the actors' runtime.

use std::fs;
use std::sync::Arc;

use common::ids::WorkflowId;

use super::{Obstacle, Services};
use crate::core::state::WorkflowState;
use crate::state::records::SnapshotPointer;
use crate::state::{keys, snapshot};

impl Services {
    /// Writes a snapshot of a state; `done` gets where it is, or `None` if it cannot be written.
    pub fn snapshot(
        self: &Arc<Self>,
        state: WorkflowState,
        done: impl FnOnce(Option<SnapshotPointer>) + Send + 'static,
    ) {
        let services = self.clone();
        self.bulk.spawn_blocking(move || {
            let key = keys::snapshot_object(&state.workflow, state.revision);
            let written = services.write(&key, snapshot::encode(&state));
            let pointer = written.map(|object| SnapshotPointer {
                last_sequence: state.revision,
                object,
            });
            if let Err(Obstacle::Lost { reason, .. } | Obstacle::Passing(reason)) = &pointer {
                tracing::warn!(workflow = %state.workflow, reason, "no snapshot is written");
            }
            done(pointer.ok());
        });
    }

    /// Takes away the snapshots of a workflow before the one that counts.
    pub fn collect_snapshots(&self, workflow: &WorkflowId, counts: &SnapshotPointer) {
        let folder = self.objects.root().join(keys::snapshot_objects(workflow));
        let sequence = counts.last_sequence;
        self.bulk.spawn_blocking(move || {
            let entries = fs::read_dir(&folder).into_iter().flatten().flatten();
            for entry in entries {
                let name = entry.file_name();
                let number = name.to_str().and_then(|name| name.parse::<u64>().ok());
                if number.is_some_and(|number| number < sequence)
                    && let Err(error) = fs::remove_file(entry.path())
                {
                    tracing::warn!(file = %entry.path().display(), %error, "garbage stays");
                }
            }
        });
    }
}
