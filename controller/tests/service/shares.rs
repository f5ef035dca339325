//! Quotas that make genomes wait, workers that are cordoned, stragglers that are overtaken.

use std::path::Path;

use controller::access::Policy;
use controller::{Config, Listen};
use proto::v1;
use proto::worker::v1 as wire;
use wire::attach_response::Message as Heard;
use wire::result::Outcome;

use crate::support::{Controller, Worker, config, probe, within};

/// A configuration under which whoever reaches the socket belongs to a tenant with this quota.
fn with_quota(folder: &Path, quota: &str) -> Config {
    let file = folder.join("policy.yaml");
    std::fs::write(
        &file,
        format!("tenants: [{{name: default, quota: {quota}}}]"),
    )
    .unwrap();
    let mut config = config(folder);
    config.policy = Some(Policy::read(&file).unwrap());
    let path = folder.join("socket");
    config.listen = vec![Listen::Unix { path }];
    config
}

async fn until_reason(controller: &Controller, workflow: &str, reason: &str) {
    within("reason", async {
        while controller.get(workflow).await.state_reason != reason {}
    })
    .await;
}

#[tokio::test]
async fn a_genome_waits_for_the_quota_of_its_tenant_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let config = with_quota(folder.path(), "{running_genomes: 1}");
    let controller = Controller::with(config).await;
    let first = controller.submit("1", probe(1)).await;
    let mut worker = Worker::attach(&controller, "w", 4).await.alive(&controller);
    let attempt = worker.assignment().await.attempt.unwrap();
    let second = controller.submit("2", probe(1)).await;
    let reason = "quota: tenant default may run 1 genomes at the same time";
    until_reason(&controller, &second, reason).await;
    worker.complete(&attempt).await;
    controller
        .until_state(&first, v1::WorkflowState::Succeeded)
        .await;
    let attempt = worker.assignment().await.attempt.unwrap();
    assert_eq!(attempt.task.as_ref().unwrap().workflow_id, second);
    worker.complete(&attempt).await;
    controller
        .until_state(&second, v1::WorkflowState::Succeeded)
        .await;
}

#[tokio::test]
async fn a_quota_of_cores_bounds_what_runs() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::with(with_quota(folder.path(), "{cores: 2}")).await;
    let workflow = controller.submit("1", probe(3)).await;
    let mut worker = Worker::attach(&controller, "w", 8).await.alive(&controller);
    let first = worker.assignment().await.attempt.unwrap();
    let second = worker.assignment().await.attempt.unwrap();
    let reason = "quota: tenant default may use 2 cores at the same time";
    until_reason(&controller, &workflow, reason).await;
    assert_eq!(controller.get(&workflow).await.stages[0].running, 2);
    worker.complete(&first).await;
    let third = worker.assignment().await.attempt.unwrap();
    worker.complete(&second).await;
    worker.complete(&third).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
}

#[tokio::test]
async fn a_worker_on_which_three_tasks_break_down_is_cordoned() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut bad = Worker::attach(&controller, "bad", 3)
        .await
        .alive(&controller);
    controller.submit("t", probe(3)).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(bad.assignment().await.attempt.unwrap());
    }
    let _other = Worker::attach(&controller, "other", 1)
        .await
        .alive(&controller);
    for attempt in &held {
        let failed = Outcome::Failed(wire::TaskError {
            error_class: v1::ErrorClass::Internal.into(),
            message: "signal 11".to_owned(),
            file: String::new(),
            record: 0,
        });
        bad.report(attempt, failed).await;
    }
    let cordoned = |workers: &[v1::WorkerStatus]| {
        let states: Vec<_> = workers.iter().map(|worker| worker.state()).collect();
        states == [v1::WorkerState::Cordoned, v1::WorkerState::Ready]
    };
    let workers = controller.until_workers(cordoned).await;
    assert!(workers[0].cordoned_until.is_some());
    assert_eq!(workers[1].cordoned_until, None);
}

#[tokio::test]
async fn a_straggler_is_overtaken_and_ended() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut slow = Worker::attach(&controller, "slow", 1)
        .await
        .alive(&controller);
    let workflow = controller.submit("t", probe(3)).await;
    let straggler = slow.assignment().await.attempt.unwrap();
    let mut fast = Worker::attach(&controller, "fast", 1)
        .await
        .alive(&controller);
    for _ in 0..2 {
        let attempt = fast.assignment().await.attempt.unwrap();
        fast.complete(&attempt).await;
    }
    let second = fast.assignment().await.attempt.unwrap();
    assert_eq!((&second.task, second.number), (&straggler.task, 2));
    fast.complete(&second).await;
    let Heard::Cancel(cancel) = slow.next().await else {
        panic!("the straggler goes on");
    };
    assert_eq!(cancel.attempt.as_ref(), Some(&straggler));
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!((seen.stages[0].attempts, seen.stale_reports), (4, 0));
    assert_eq!(seen.stages[0].completed_by[0].tasks, 3);
    slow.complete(&straggler).await;
    assert!(!slow.ack().await.accepted);
}
