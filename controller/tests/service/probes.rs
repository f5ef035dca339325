//! Submission, listing, watching, cancelling.

use proto::v1;
use tonic::Code;
use tonic_types::StatusExt;

use crate::support::{Controller, Worker, batch, probe};

#[tokio::test]
async fn a_probe_runs_and_every_change_is_seen_once() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let workflow = controller.submit("t", probe(20)).await;
    let mut changes = controller.watch(&workflow).await;
    let worker = Worker::attach(&controller, "w", 4).await.alive(&controller);
    let working = tokio::spawn(worker.work());
    let mut revisions = Vec::new();
    let mut last = None;
    while let Some(seen) = changes.message().await.unwrap() {
        revisions.push(seen.revision);
        last = Some(seen);
    }
    assert!(revisions.is_sorted_by(|a, b| a < b), "{revisions:?}");
    let last = last.unwrap();
    assert_eq!(last.state(), v1::WorkflowState::Succeeded);
    let stage = &last.stages[0];
    assert_eq!((stage.tasks, stage.done, stage.attempts), (20, 20, 20));
    assert_eq!(controller.get(&workflow).await, last);
    working.abort();
    controller.stop().await;
}

#[tokio::test]
async fn a_token_stands_for_one_body() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let request = || batch("t", vec![probe(1), probe(2)]);
    let first = controller
        .genomics()
        .submit_batch(request())
        .await
        .unwrap()
        .into_inner();
    let again = controller
        .genomics()
        .submit_batch(request())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, again);
    assert!(first.workflow_ids.is_sorted());
    controller.kill().await;
    let controller = Controller::start(folder.path()).await;
    let after = controller
        .genomics()
        .submit_batch(request())
        .await
        .unwrap()
        .into_inner();
    assert_eq!(first, after);
    let other = controller
        .genomics()
        .submit_batch(batch("t", vec![probe(3)]))
        .await;
    assert_eq!(other.unwrap_err().code(), Code::AlreadyExists);
}

#[tokio::test]
async fn a_fault_of_form_names_the_field() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    for (request, field) in [
        (batch("", vec![probe(1)]), "idempotency_token"),
        (batch("t", vec![]), "workflows"),
        (
            batch("t", vec![probe(1), probe(0)]),
            "workflows[1].probe.tasks",
        ),
    ] {
        let status = controller
            .genomics()
            .submit_batch(request)
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument);
        let details = status.get_error_details();
        assert_eq!(
            details.bad_request().unwrap().field_violations[0].field,
            field
        );
    }
    let missing = v1::GetWorkflowRequest {
        workflow_id: "none".to_owned(),
    };
    let status = controller
        .genomics()
        .get_workflow(missing)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::NotFound);
}

#[tokio::test]
async fn lists_are_filtered_and_cut_into_pages() {
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.push(controller.submit(&n.to_string(), probe(1)).await);
    }
    let cancelled = controller.cancel(&ids[2]).await.unwrap().workflow_id;
    controller
        .until_state(&cancelled, v1::WorkflowState::Cancelled)
        .await;
    ids.sort();
    ids.reverse();
    let mut request = v1::ListWorkflowsRequest {
        page_size: 2,
        ..Default::default()
    };
    let mut listed = Vec::new();
    loop {
        let page = controller
            .genomics()
            .list_workflows(request.clone())
            .await
            .unwrap();
        let page = page.into_inner();
        listed.extend(page.workflows.into_iter().map(|seen| seen.workflow_id));
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    assert_eq!(listed, ids);
    let request = v1::ListWorkflowsRequest {
        states: vec![v1::WorkflowState::Cancelled.into()],
        ..Default::default()
    };
    let page = controller
        .genomics()
        .list_workflows(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(page.workflows.len(), 1);
    assert_eq!(page.workflows[0].workflow_id, cancelled);
}

#[tokio::test]
async fn cancelling_ends_attempts_and_is_idempotent() {
    use proto::worker::v1 as wire;
    let folder = tempfile::tempdir().unwrap();
    let controller = Controller::start(folder.path()).await;
    let mut worker = Worker::attach(&controller, "w", 1).await.alive(&controller);
    let workflow = controller.submit("t", probe(3)).await;
    let attempt = worker.assignment().await.attempt.unwrap();
    let seen = controller.cancel(&workflow).await.unwrap();
    assert_eq!(seen.state(), v1::WorkflowState::Cancelling);
    let wire::attach_response::Message::Cancel(cancel) = worker.next().await else {
        panic!("the attempt is not ended");
    };
    assert_eq!(cancel.attempt.as_ref(), Some(&attempt));
    let outcome = wire::result::Outcome::HandedBack(wire::HandedBack {});
    worker.report(&attempt, outcome).await;
    controller
        .until_state(&workflow, v1::WorkflowState::Cancelled)
        .await;
    let again = controller.cancel(&workflow).await.unwrap();
    assert_eq!(again.state(), v1::WorkflowState::Cancelled);
    let done = controller.submit("u", probe(1)).await;
    let attempt = worker.assignment().await.attempt.unwrap();
    worker.complete(&attempt).await;
    controller
        .until_state(&done, v1::WorkflowState::Succeeded)
        .await;
    let late = controller.cancel(&done).await.unwrap_err();
    assert_eq!(late.code(), Code::FailedPrecondition);
}
