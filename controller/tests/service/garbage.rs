//! What is no longer needed goes; what counts stays.

use std::path::Path;
use std::time::Duration;

use proto::v1;
use proto::worker::v1 as wire;

use crate::support::{Controller, Worker, config, probe, within};

async fn until_gone(path: &Path) {
    within("collection", async {
        while path.exists() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn objects_of_a_failed_attempt_go_and_those_of_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config(folder.path());
    config.lease = Duration::from_millis(200);
    let work = config.objects.join("work");
    let controller = Controller::with(config).await;
    let workflow = controller.submit("t", probe(2)).await;
    let work = work.join(&workflow);
    let mut worker = Worker::attach(&controller, "w", 2).await.alive(&controller);

    let mut write = async || {
        let attempt = worker.assignment().await.attempt.unwrap();
        let index = attempt.task.as_ref().unwrap().index;
        let objects = work.join(format!("probe/{index}/{}", attempt.number));
        std::fs::create_dir_all(&objects).unwrap();
        std::fs::write(objects.join("object"), "x").unwrap();
        (attempt, objects)
    };
    let (failed, garbage) = write().await;
    let (other, kept) = write().await;
    let failure = wire::TaskError {
        error_class: v1::ErrorClass::Internal.into(),
        message: "broken".to_owned(),
        ..wire::TaskError::default()
    };
    let outcome = wire::result::Outcome::Failed(failure);
    worker.report(&failed, outcome).await;
    until_gone(&garbage).await;
    assert!(kept.join("object").exists());
    worker.complete(&other).await;
    let again = worker.assignment().await.attempt.unwrap();
    worker.complete(&again).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Succeeded)
        .await;
    until_gone(&work).await;
}
