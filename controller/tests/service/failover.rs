//! Several controllers over one etcd: any of them takes submissions and answers, one leads, and
//! another goes on where it was.

use std::path::Path;
use std::time::Duration;

use controller::{Cluster, Config};
use proto::v1::WorkflowState;
use proto::worker::v1 as wire;
use tonic::Code;

use crate::etcd::Etcd;
use crate::proxy::Proxy;
use crate::support::{Controller, Worker, batch, config, hello, probe, within};

/// The configuration of one of several controllers, which share a folder of objects.
fn clustered(folder: &Path, etcd: &str) -> Config {
    among_others(config(folder), etcd)
}

/// A controller like this, as one of several.
pub fn among_others(config: Config, etcd: &str) -> Config {
    let cluster = Cluster {
        etcd: etcd.parse().unwrap(),
        lease: Duration::from_secs(2),
        advertise: None,
    };
    Config {
        cluster: Some(cluster),
        ..config
    }
}

/// Starts a controller that leads, and then one that follows.
async fn leader_and_follower(folder: &Path, etcd: &str) -> (Controller, Controller) {
    leader_and_follower_like(clustered(folder, etcd)).await
}

/// Starts two controllers with one configuration.
pub async fn leader_and_follower_like(config: Config) -> (Controller, Controller) {
    let leader = Controller::with(config.clone()).await;
    let _leads = attach(&leader, "first").await;
    let follower = Controller::with(config).await;
    assert_eq!(follower.ready.epoch, None);
    (leader, follower)
}

/// Attaches a worker once the controller leads.
pub async fn attach(controller: &Controller, id: &str) -> Worker {
    holding(controller, id, Vec::new()).await
}

async fn holding(controller: &Controller, id: &str, holding: Vec<wire::AttemptId>) -> Worker {
    within("leadership", async {
        loop {
            match Worker::hello(controller, hello(id, 2, holding.clone())).await {
                Ok(worker) => return worker,
                Err(status) => assert_eq!(status.code(), Code::Unavailable, "{status}"),
            }
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_follower_takes_submissions_and_wishes_to_stop_and_answers() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let (leader, follower) = leader_and_follower(folder.path(), &etcd.address("a")).await;
    let refused = Worker::hello(&follower, hello("w", 1, Vec::new())).await;
    let refusal = refused.err().unwrap();
    assert_eq!(refusal.code(), Code::Unavailable);
    assert!(refusal.message().contains("leads"), "{refusal}");

    let workflow = follower.submit("t", probe(3)).await;
    // The same again, elsewhere, is the same workflow.
    assert_eq!(leader.submit("t", probe(3)).await, workflow);
    assert_eq!(follower.get(&workflow).await.workflow_id, workflow);
    let mut worker = attach(&leader, "w").await.alive(&leader);
    let first = worker.assignment().await.attempt.unwrap();
    worker.complete(&first).await;
    let seen = follower
        .until(&workflow, |seen| seen.stages[0].done == 1)
        .await;
    assert_eq!(seen.state(), WorkflowState::Running);

    let wished = follower.cancel(&workflow).await.unwrap();
    assert_eq!(wished.state(), WorkflowState::Cancelling);
    leader
        .until(&workflow, |seen| seen.state() != WorkflowState::Running)
        .await;
    drop(worker);
    follower
        .until_state(&workflow, WorkflowState::Cancelled)
        .await;
    leader
        .until_state(&workflow, WorkflowState::Cancelled)
        .await;
    let again = follower.cancel(&workflow).await.unwrap();
    assert_eq!(again.state(), WorkflowState::Cancelled);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_controller_has_accepted_all_know() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let (leader, follower) = leader_and_follower(folder.path(), &etcd.address("a")).await;
    for round in 0..100 {
        let (takes, asked) = match round % 2 {
            0 => (&leader, &follower),
            _ => (&follower, &leader),
        };
        let workflow = takes.submit(&format!("t{round}"), probe(1)).await;
        assert_eq!(asked.get(&workflow).await.workflow_id, workflow);
    }
    let unknown = follower.cancel("01M823MHJSJQZ30YB05S35JKJG").await;
    assert_eq!(
        unknown.err().map(|status| status.code()),
        Some(Code::NotFound)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn another_controller_goes_on_where_the_leader_was_killed() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let (leader, follower) = leader_and_follower(folder.path(), &etcd.address("a")).await;
    let workflow = leader.submit("t", probe(4)).await;
    let mut worker = attach(&leader, "w").await;
    let epoch = worker.welcome.epoch;
    let first = worker.assignment().await.attempt.unwrap();
    let second = worker.assignment().await.attempt.unwrap();
    worker.complete(&first).await;
    assert!(worker.ack().await.accepted);
    let third = worker.assignment().await.attempt.unwrap();
    let later = {
        let mut watch = follower.watch(&workflow).await;
        leader.kill().await;
        // Submitted while nobody leads.
        let later = follower.submit("later", probe(1)).await;
        let mut worker = holding(&follower, "w", vec![second.clone(), third.clone()]).await;
        assert!(worker.welcome.epoch > epoch);
        // What it still held counts, and what was done is not done again.
        worker.complete(&second).await;
        worker.complete(&third).await;
        let mut rest = Vec::new();
        for _ in 0..2 {
            let attempt = worker.assignment().await.attempt.unwrap();
            worker.complete(&attempt).await;
            let task = attempt.task.unwrap();
            rest.push((task.workflow_id, task.index));
        }
        rest.sort();
        assert_eq!(rest, [(workflow.clone(), 3), (later.clone(), 0)]);
        // A watcher sees it through.
        let mut state = WorkflowState::Unspecified;
        while let Some(seen) = within("change", watch.message()).await.unwrap() {
            state = seen.state();
        }
        assert_eq!(state, WorkflowState::Succeeded);
        follower.until_state(&later, WorkflowState::Succeeded).await;
        later
    };
    let seen = follower.get(&workflow).await;
    assert_eq!((seen.stages[0].attempts, seen.stages[0].done), (4, 4));
    // A third controller folds what was written before it came.
    let third = Controller::with(clustered(folder.path(), &etcd.address("a"))).await;
    assert_eq!(third.get(&later).await.state(), WorkflowState::Succeeded);
    assert_eq!(third.get(&workflow).await.revision, seen.revision);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_hundreds_is_one_submission() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let (leader, follower) = leader_and_follower(folder.path(), &etcd.address("a")).await;
    let specs = std::iter::repeat_with(|| probe(1)).take(300).collect();
    let request = batch("many", specs);
    let mut client = follower.genomics();
    let first = client.submit_batch(request.clone()).await.unwrap();
    let ids = first.into_inner().workflow_ids;
    let again = leader.genomics().submit_batch(request).await.unwrap();
    assert_eq!(again.into_inner().workflow_ids, ids);
    let mut worker = attach(&leader, "w").await.alive(&leader);
    let mut done = std::collections::BTreeSet::new();
    while done.len() < ids.len() {
        let attempt = worker.assignment().await.attempt.unwrap();
        worker.complete(&attempt).await;
        assert!(done.insert(attempt.task.unwrap().workflow_id));
    }
    assert!(ids.iter().all(|id| done.contains(id)));
    for id in [&ids[0], &ids[299]] {
        follower.until_state(id, WorkflowState::Succeeded).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_from_etcd_follows_when_it_is_back() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let proxy = Proxy::before(etcd.port(0)).await;
    let (leader, follower) = leader_and_follower(folder.path(), &proxy.address("a")).await;
    drop(follower);
    let direct = Controller::with(clustered(folder.path(), &etcd.address("a"))).await;
    let workflow = leader.submit("t", probe(2)).await;
    let mut worker = attach(&leader, "w").await;
    let held = worker.assignment().await.attempt.unwrap();
    let other = worker.assignment().await.attempt.unwrap();
    proxy.set_up(false);
    // It is in doubt whether this counts: the old leader does not say so.
    worker.complete(&held).await;
    let held_still = vec![held.clone(), other.clone()];
    let mut worker = holding(&direct, "w", held_still).await;
    worker.complete(&held).await;
    assert!(worker.ack().await.accepted);
    proxy.set_up(true);
    worker.complete(&other).await;
    direct
        .until_state(&workflow, WorkflowState::Succeeded)
        .await;
    let seen = leader
        .until_state(&workflow, WorkflowState::Succeeded)
        .await;
    assert_eq!(seen.stages[0].attempts, 2);
    let refused = Worker::hello(&leader, hello("w", 1, Vec::new())).await;
    assert_eq!(refused.err().unwrap().code(), Code::Unavailable);
}
