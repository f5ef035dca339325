//! The journal of a large workflow stays short, and nothing is lost with what it drops.

use std::fs;
use std::path::{Path, PathBuf};

use common::ids::WorkflowId;
use controller::core::state::WorkflowState;
use controller::state::embedded::Embedded;
use controller::state::{StateStore, journal, keys};
use proto::v1;

use crate::support::{Controller, Worker, config, probe, within};

const TASKS: u32 = 2600;
const DONE: u32 = 2500;

/// Facts that a journal may hold after a snapshot.
const TAIL: u64 = 1000;

/// What the store of a controller that is down holds of a workflow, and the facts in its journal.
async fn stored(folder: &Path, workflow: &str) -> (WorkflowState, u64) {
    let config = config(folder);
    let file = config.state.join("state.redb");
    let store = within("store", async {
        loop {
            // One that was killed closes it in its own time.
            match Embedded::open(&file) {
                Ok(store) => return store,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    })
    .await;
    let id = WorkflowId::new(workflow);
    let fetch = |object: &common::task::ObjectRef| {
        let bytes = fs::read(folder.join("controller/objects").join(&object.key)).unwrap();
        assert_eq!(bytes.len() as u64, object.size_bytes);
        Ok(bytes)
    };
    let state = journal::load(&store, &id, fetch).unwrap().unwrap();
    let prefix = keys::journal(&id);
    let batches = store.range(&prefix, &keys::after(&prefix), usize::MAX);
    let facts = batches.unwrap().into_iter().map(|(key, value)| {
        let (_, facts) = journal::unpack(&key, &value).unwrap();
        facts.len() as u64
    });
    (state, facts.sum())
}

/// Waits until one snapshot is left, and after it at most [`TAIL`] facts.
async fn until_compact(folder: &Path, workflow: &str, revision: u64) -> PathBuf {
    let objects = folder.join("controller/objects");
    let snapshots = objects.join(keys::snapshot_objects(&WorkflowId::new(workflow)));
    within("snapshot", async {
        loop {
            let found: Vec<_> = fs::read_dir(&snapshots).into_iter().flatten().collect();
            if let [Ok(only)] = &found[..] {
                let name = only.file_name().into_string().unwrap();
                if name.parse::<u64>().unwrap() + TAIL > revision {
                    return only.path();
                }
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn a_long_journal_gives_way_to_a_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(TASKS)).await;
    let mut worker = Worker::attach(&controller, "w", 64)
        .await
        .alive(&controller);
    for _ in 0..DONE {
        let attempt = worker.assignment().await.attempt.unwrap();
        worker.complete(&attempt).await;
    }
    let all_busy =
        |seen: &v1::Workflow| (seen.stages[0].done, seen.stages[0].running) == (DONE, 64);
    let before = controller.until(&workflow, all_busy).await;
    let snapshot = until_compact(folder.path(), &workflow, before.revision).await;
    controller.kill().await;

    // A crash left the object of a snapshot to which nothing points.
    let orphan = snapshot.with_file_name(format!("{:020}", before.revision - 1));
    fs::write(&orphan, "cut off").unwrap();
    let (state, facts) = stored(folder.path(), &workflow).await;
    assert_eq!(state.revision, before.revision);
    assert!(facts < TAIL + 256, "{facts} facts are left");

    let controller = Controller::start(folder.path()).await;
    let after = controller.get(&workflow).await;
    assert_eq!(
        (after.revision, &after.stages),
        (before.revision, &before.stages)
    );
    let other = Worker::attach(&controller, "w", 64)
        .await
        .alive(&controller);
    let working = tokio::spawn(other.work());
    let last = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(last.stages[0].done, TASKS);
    until_compact(folder.path(), &workflow, last.revision).await;
    assert!(!orphan.exists());
    working.abort();
    controller.stop().await;
    let (state, _) = stored(folder.path(), &workflow).await;
    assert!(state.is_ended());
    assert_eq!(state.revision, last.revision);
}
