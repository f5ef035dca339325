//! Workers that die, come back, are late, are drained; a controller that dies under them.

use std::collections::BTreeSet;
use std::time::Duration;

use proto::v1;
use proto::worker::v1 as wire;
use tonic::Code;
use wire::attach_request::Message as Said;
use wire::attach_response::Message as Heard;

use crate::support::{Controller, Worker, config, hello, probe, within};

#[tokio::test]
async fn a_killed_controller_repeats_nothing_that_was_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(10)).await;
    let mut worker = Worker::attach(&controller, "w", 10)
        .await
        .alive(&controller);
    let mut held = Vec::new();
    for _ in 0..10 {
        held.push(worker.assignment().await.attempt.unwrap());
    }
    for attempt in held.drain(..4) {
        worker.complete(&attempt).await;
        let ack = worker.ack().await;
        assert_eq!((ack.attempt.unwrap(), ack.accepted), (attempt, true));
    }
    controller.kill().await;
    let controller = Controller::start(folder.path()).await;
    assert_eq!(controller.ready.epoch.0, 2);
    let seen = controller.get(&workflow).await;
    assert_eq!((seen.stages[0].done, seen.stages[0].running), (4, 6));
    let mut worker = Worker::holding(&controller, "w", 10, held.clone())
        .await
        .alive(&controller);
    for attempt in &held {
        worker.complete(attempt).await;
        assert!(worker.ack().await.accepted);
    }
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(
        (seen.stages[0].attempts, seen.stages[0].most_attempts),
        (10, 1)
    );
}

#[tokio::test]
async fn a_worker_that_comes_back_without_an_attempt_has_lost_it() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut worker = Worker::attach(&controller, "w", 1).await;
    let first = worker.assignment().await.attempt.unwrap();
    let mut stray = first.clone();
    stray.number = 77;
    let mut worker = Worker::holding(&controller, "w", 1, vec![stray.clone()]).await;
    let Heard::Cancel(cancel) = worker.next().await else {
        panic!("the stray attempt goes on");
    };
    assert_eq!(cancel.attempt, Some(stray));
    let second = worker.assignment().await.attempt.unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    worker.complete(&second).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
}

#[tokio::test]
async fn a_worker_without_credit_gets_nothing_until_it_gives_some() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let credits = |attempts| wire::Credits { attempts };
    let first = wire::Hello {
        credits: Some(credits(1)),
        ..hello("w", 1, Vec::new())
    };
    let mut worker = Worker::hello(&controller, first).await.unwrap();
    let workflow = controller.submit("t", probe(3)).await;
    let only = worker.assignment().await.attempt.unwrap();
    worker.say(Said::Credits(credits(0))).await;
    worker.complete(&only).await;
    assert!(worker.ack().await.accepted);
    // A worker of the same size that comes later in every order gets the next.
    let mut other = Worker::attach(&controller, "w2", 1).await;
    let second = other.assignment().await.attempt.unwrap();
    let seen = controller.get(&workflow).await;
    assert_eq!((seen.stages[0].done, seen.stages[0].running), (1, 1));
    worker.say(Said::Credits(credits(1))).await;
    let third = worker.assignment().await.attempt.unwrap();
    worker.complete(&third).await;
    other.complete(&second).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
}

#[tokio::test]
async fn a_stale_report_is_refused_and_counted() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut worker = Worker::attach(&controller, "w", 1).await.alive(&controller);
    let attempt = worker.assignment().await.attempt.unwrap();
    let mut stale = attempt.clone();
    stale.number = 9;
    worker.complete(&stale).await;
    assert!(!worker.ack().await.accepted);
    let seen = controller
        .until(&workflow, |seen| seen.stale_reports == 1)
        .await;
    assert_eq!(seen.stages[0].done, 0);
    worker.complete(&attempt).await;
    assert!(worker.ack().await.accepted);
    // The same report again is known, not stale.
    worker.complete(&attempt).await;
    let _ = worker.ack().await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(seen.stale_reports, 1);
}

#[tokio::test]
async fn the_attempts_of_a_silent_worker_run_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.lease = Duration::from_millis(300);
    let controller = Controller::with(config).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut silent = Worker::attach(&controller, "silent", 1).await;
    let first = silent.assignment().await.attempt.unwrap();
    let mut other = Worker::attach(&controller, "other", 1)
        .await
        .alive(&controller);
    let second = other.assignment().await.attempt.unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    let late = silent.complete(&first);
    late.await;
    other.complete(&second).await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(seen.stages[0].completed_by[0].worker_id, "other");
}

#[tokio::test]
async fn a_worker_whose_connections_end_is_lost_before_its_lease() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.lease = Duration::from_secs(3600);
    let controller = Controller::with(config).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut dead = Worker::attach(&controller, "dead", 1)
        .await
        .alive(&controller);
    let first = dead.assignment().await.attempt.unwrap();
    let mut other = Worker::attach(&controller, "other", 1).await;
    drop(dead);
    let second = other.assignment().await.attempt.unwrap();
    assert_eq!((first.number, second.number), (1, 2));
    other.complete(&second).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
}

#[tokio::test]
async fn a_broken_stream_alone_makes_a_worker_suspect() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.lease = Duration::from_secs(20);
    let controller = Controller::with(config).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut worker = Worker::attach(&controller, "w", 1).await.alive(&controller);
    let attempt = worker.assignment().await.attempt.unwrap();
    // It is given up when the time is over that a worker which is cut off has to come back.
    let canary = Worker::attach(&controller, "canary", 1).await;
    let heartbeat = worker.detach();
    drop(canary);
    let left = controller.until_workers(|workers| workers.len() == 1).await;
    assert_eq!(left[0].worker_id, "w");
    assert_eq!(left[0].state(), v1::WorkerState::Suspect);
    let running = &left[0].running[0];
    assert_eq!((&running.workflow_id, running.attempt), (&workflow, 1));
    let held = vec![attempt.clone()];
    let worker = Worker::holding(&controller, "w", 1, held).await;
    worker.complete(&attempt).await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(seen.stages[0].attempts, 1);
    drop(heartbeat);
}

#[tokio::test]
async fn watchers_see_the_work_of_running_attempts() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(1)).await;
    let mut worker = Worker::attach(&controller, "w", 1).await.alive(&controller);
    let attempt = worker.assignment().await.attempt;
    let running = controller
        .until(&workflow, |seen| seen.stages[0].running == 1)
        .await;
    let mut changes = controller.watch(&workflow).await;
    let mut views = Vec::new();
    for reads in 1..=100 {
        let progress = wire::Progress {
            attempt: attempt.clone(),
            reads,
            bases: reads * 150,
        };
        worker
            .say(wire::attach_request::Message::Progress(progress))
            .await;
    }
    within("work", async {
        while views.last() != Some(&(100, 15_000)) {
            let seen = changes.message().await.unwrap().unwrap();
            assert_eq!(seen.revision, running.revision);
            views.push((seen.stages[0].reads, seen.stages[0].bases));
        }
    })
    .await;
    // One at once, and far fewer than were said.
    assert!(views.len() <= 4, "{views:?}");
    worker.complete(&attempt.unwrap()).await;
    let last = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    assert_eq!(last.stages[0].reads, 0);
}

#[tokio::test]
async fn a_drained_worker_gets_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut drained = Worker::attach(&controller, "drained", 1)
        .await
        .alive(&controller);
    let workflow = controller.submit("t", probe(2)).await;
    let attempt = drained.assignment().await.attempt.unwrap();
    let request = v1::DrainRequest {
        worker_id: "drained".to_owned(),
    };
    let answer = controller
        .admin()
        .drain(request)
        .await
        .unwrap()
        .into_inner();
    let status = answer.worker.unwrap();
    assert_eq!(status.state(), v1::WorkerState::Draining);
    assert_eq!((status.cores_used, status.running.len()), (1, 1));
    assert_eq!(drained.next().await, Heard::Drain(wire::Drain {}));
    drained.complete(&attempt).await;
    assert!(drained.ack().await.accepted);
    let mut other = Worker::attach(&controller, "other", 1)
        .await
        .alive(&controller);
    let attempt = other.assignment().await.attempt.unwrap();
    other.complete(&attempt).await;
    let seen = controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    let by: BTreeSet<_> = seen.stages[0]
        .completed_by
        .iter()
        .map(|by| &*by.worker_id)
        .collect();
    assert_eq!(by, BTreeSet::from(["drained", "other"]));
    drained
        .say(wire::attach_request::Message::Drained(wire::Drained {}))
        .await;
    drop(drained);
    within("goodbye", async {
        loop {
            let listed = controller
                .admin()
                .list_workers(v1::ListWorkersRequest {})
                .await;
            if listed.unwrap().into_inner().workers.len() == 1 {
                return;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_workflow_says_why_it_waits() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(1)).await;
    within("reason", async {
        while controller.get(&workflow).await.state_reason != "no worker is attached" {}
    })
    .await;
}

#[tokio::test]
async fn strangers_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config
        .roots
        .insert("data".to_owned(), folder.path().to_owned());
    let controller = Controller::with(config).await;
    let newer = wire::Hello {
        protocol_version: 2,
        ..hello("w", 1, vec![])
    };
    let mut elsewhere = hello("w", 1, vec![]);
    elsewhere
        .roots
        .insert("data".to_owned(), "other".to_owned());
    for stranger in [newer, elsewhere] {
        let refused = Worker::hello(&controller, stranger).await.err().unwrap();
        assert_eq!(refused.code(), Code::FailedPrecondition);
    }
    let nonce = std::fs::read_to_string(folder.path().join(".spindle-root")).unwrap();
    let mut friend = hello("w", 1, vec![]);
    friend.roots.insert("data".to_owned(), nonce);
    let friend = Worker::hello(&controller, friend).await.unwrap();
    let directory = std::path::Path::new(&friend.welcome.objects_directory);
    let seen = std::fs::read_to_string(directory.join(&friend.welcome.objects_nonce_file));
    assert_eq!(seen.unwrap(), friend.welcome.objects_nonce);
}
