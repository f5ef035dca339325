//! Snapshots of workflows as objects, off the actors' runtime.

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
        let write = move || {
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
        };
        self.tidying.spawn_blocking_on(write, &self.bulk);
    }

    /// Takes away the snapshots of a workflow before the one that counts.
    pub fn collect_snapshots(&self, workflow: &WorkflowId, counts: &SnapshotPointer) {
        let prefix = format!("{}/", keys::snapshot_objects(workflow));
        let sequence = counts.last_sequence;
        let objects = self.objects.clone();
        let tidy = async move {
            let removed = async {
                for listed in objects.store().list(&prefix).await? {
                    let number = listed.key.as_str().strip_prefix(&prefix);
                    let number = number.and_then(|name| name.parse::<u64>().ok());
                    if number.is_some_and(|number| number < sequence) {
                        objects.store().delete(&listed.key).await?;
                    }
                }
                Ok::<(), object_store::Error>(())
            };
            if let Err(error) = removed.await {
                tracing::warn!(prefix, %error, "garbage stays");
            }
        };
        self.tidying.spawn_on(tidy, &self.bulk);
    }
}
