//! Task processes, played by shell scripts.

use common::ids::{AttemptNumber, Epoch, WorkflowId};
use common::task::{Stage, TaskId};

use super::*;

#[test]
fn a_killed_task_lacked_memory_and_another_end_is_a_fault() {
    let class = |status| died(ExitStatus::from_raw(status)).class;
    assert_eq!(class(libc::SIGKILL), FailureClass::OutOfResources);
    assert_eq!(class(libc::SIGABRT), FailureClass::Internal);
    assert_eq!(class(1 << 8), FailureClass::Internal);
}

/// Memory of the attempts, in bytes.
const GIVEN: u64 = 1 << 30;

fn host(script: &str) -> Host {
    Host {
        program: Program {
            path: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
        },
        idle: Idle::default(),
        waited: None,
        memory_bytes: GIVEN,
    }
}

/// An attempt of the only task of a workflow.
fn attempt(workflow: &str, number: u32) -> AttemptId {
    AttemptId {
        task: TaskId {
            workflow: WorkflowId::new(workflow),
            stage: Stage::Probe,
            index: 0,
        },
        number: AttemptNumber(number),
    }
}

/// Runs an attempt, cancelled at once if `cancelled`; returns how many reads it told of too.
async fn outcome_of(
    host: Host,
    attempt: AttemptId,
    cancelled: bool,
) -> (Result<Report, Failure>, u64) {
    let (events, _) = mpsc::unbounded_channel();
    let talk = Talk {
        attempt,
        events,
        monitor: Arc::default(),
    };
    let cancel = CancellationToken::new();
    if cancelled {
        cancel.cancel();
    }
    let start = wire::TaskStart::default();
    let outcome = run(host, start, &talk, &cancel).await;
    (outcome, talk.monitor.reads())
}

#[tokio::test]
async fn processes_that_give_no_result_are_failures() {
    let cases = [
        ("kill -9 $$", false, FailureClass::OutOfResources),
        ("exit 3", false, FailureClass::Internal),
        ("echo this is no message", false, FailureClass::Internal),
        ("exec sleep 1000", true, FailureClass::Internal),
    ];
    for (script, cancelled, class) in cases {
        let (outcome, _) = outcome_of(host(script), attempt("w", 1), cancelled).await;
        let failure = outcome.unwrap_err();
        assert_eq!(failure.class, class, "{script}: {failure}");
    }
}

fn progress(attempt: &AttemptId, reads: u64) -> Vec<u8> {
    let attempt = Some(attempt.into());
    frame(From::Progress(wire::Progress {
        attempt,
        reads,
        bases: 0,
    }))
}

fn result(attempt: &AttemptId, outcome: Outcome) -> Vec<u8> {
    let report = Report {
        attempt: attempt.clone(),
        epoch: Epoch(1),
        counters: Counters::default(),
        outcome,
    };
    frame(From::Result((&report).into()))
}

fn frame(message: From) -> Vec<u8> {
    let message = Some(message);
    frames::encode(&wire::FromTask { message })
}

#[tokio::test]
async fn a_process_runs_more_tasks_of_its_genome_with_no_less_memory() {
    let (first, second) = (attempt("w", 1), attempt("w", 2));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said");
    let done = || Outcome::Completed(None);
    // The late progress of the first task is not of the second.
    let all = [
        progress(&first, 7),
        result(&first, done()),
        progress(&first, 9),
        progress(&second, 5),
        result(&second, done()),
    ];
    std::fs::write(&file, all.concat()).unwrap();
    let script = format!("cat {}; exec sleep 1000", file.display());
    let told = host(&script);
    let idle = told.idle.clone();
    let (outcome, reads) = outcome_of(told, first, false).await;
    assert_eq!((outcome.unwrap().outcome, reads), (done(), 7));

    let genome = WorkflowId::new("w");
    assert!(idle.take(&WorkflowId::new("another"), GIVEN).is_none());
    assert!(idle.take(&genome, GIVEN - 1).is_none());
    let waited = idle.take(&genome, 2 * GIVEN);
    assert!(waited.is_some());
    assert!(idle.take(&genome, GIVEN).is_none(), "it is taken");
    let again = Host {
        waited,
        idle: idle.clone(),
        ..host("exit 1")
    };
    let (outcome, reads) = outcome_of(again, second, false).await;
    assert_eq!((outcome.unwrap().outcome, reads), (done(), 5));

    assert!(idle.take(&genome, GIVEN).is_none(), "it has had more");
    idle.fit(2 * GIVEN);
    let process = idle.take(&genome, 2 * GIVEN);
    let process = process.expect("there is memory for it");
    let id = process.child.id().unwrap();
    idle.keep(genome.clone(), process);
    idle.fit(2 * GIVEN - 1);
    let process = idle.take(&genome, 2 * GIVEN);
    assert!(process.is_none(), "there is no memory for it");
    idle.close().await;
    let id = Pid::from_raw(i32::try_from(id).unwrap());
    assert!(kill(id, None).is_err(), "it still runs");
}

#[tokio::test]
async fn a_process_whose_task_failed_or_that_was_killed_is_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said");
    let genome = WorkflowId::new("w");
    let failed = Outcome::Failed(Failure::new(FailureClass::Internal, "x"));
    for (outcome, keeps) in [(failed, false), (Outcome::Completed(None), true)] {
        std::fs::write(&file, result(&attempt("w", 1), outcome)).unwrap();
        let script = format!("cat {}; read -r line", file.display());
        let told = host(&script);
        let idle = told.idle.clone();
        assert!(outcome_of(told, attempt("w", 1), false).await.0.is_ok());
        let process = idle.take(&genome, GIVEN);
        assert_eq!(process.is_some(), keeps);
        if let Some(mut process) = process {
            process.child.start_kill().unwrap();
            process.child.wait().await.unwrap();
            idle.keep(genome.clone(), process);
            assert!(idle.take(&genome, GIVEN).is_none());
        }
    }
}
