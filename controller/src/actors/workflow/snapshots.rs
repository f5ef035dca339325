//! When a workflow's state is written whole, so that its journal stays short.

use super::State;
use crate::core::view;
use crate::state::journal::{Ending, snapshot_due};
use crate::state::records::SnapshotPointer;
use crate::state::usage::Usage;

/// Facts of a journal that may stay.
const SMALL_JOURNAL: u64 = 16;

/// The last snapshot of a workflow. After a start the first is soon due: it takes up the journal.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Number of the last fact in it.
    last: u64,
    under_way: bool,
}

impl State {
    /// The last one counts. If it could not be written, the next does instead.
    pub(super) fn snapshot_done(&mut self) {
        self.snapshots.under_way = false;
        self.snapshot_if_due();
    }

    /// Starts a snapshot if one is due. All facts in it are on their way to the store; its pointer
    /// comes after them.
    pub(super) fn snapshot_if_due(&mut self) {
        if self.snapshots.under_way || !snapshot_due(&self.state, self.snapshots.last) {
            return;
        }
        self.snapshots = Snapshots {
            last: self.state.revision,
            under_way: true,
        };
        let handles = self.peers.get();
        let (journal, services) = (handles.journal.clone(), handles.services.clone());
        let (workflow, myself) = (self.state.workflow.clone(), self.myself.clone());
        let written = move |pointer: Option<SnapshotPointer>| {
            let Some(pointer) = pointer else {
                myself.snapshot_done();
                return;
            };
            let (id, counts) = (workflow.clone(), pointer.clone());
            let durable = Box::new(move || {
                services.collect_snapshots(&id, &counts);
                myself.snapshot_done();
            });
            journal.install_snapshot((workflow, None), pointer, durable);
        };
        handles.services.snapshot(self.state.clone(), written);
    }

    /// Moves the journal of a workflow that is over to an object, unless it is about as small as what
    /// would be left of it. If that fails it stays where it is.
    pub(super) fn archive(&self) {
        if self.state.revision <= SMALL_JOURNAL {
            return;
        }
        let handles = self.peers.get();
        let (journal, services) = (handles.journal.clone(), handles.services.clone());
        let workflow = self.state.workflow.clone();
        let usage = self.state.bases_by_day.last_key_value();
        let ending = Ending {
            status: view::status(&self.state),
            usage: usage.map(|(day, bases)| Usage {
                tenant: self.state.tenant.clone(),
                day: *day,
                bases: *bases,
            }),
        };
        let written = move |pointer: Option<SnapshotPointer>| {
            let Some(pointer) = pointer else { return };
            let (id, counts) = (workflow.clone(), pointer.clone());
            let durable = Box::new(move || services.collect_snapshots(&id, &counts));
            journal.install_snapshot((workflow, Some(ending)), pointer, durable);
        };
        handles.services.snapshot(self.state.clone(), written);
    }
}
