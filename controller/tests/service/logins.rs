//! Logins to S3 that run out, and new ones, where several controllers serve.

use std::path::Path;

use controller::Config;
use proto::v1;
use proto::worker::v1 as wire;
use tonic::Code;

use crate::etcd::Etcd;
use crate::failover::{among_others, attach, leader_and_follower_like};
use crate::genome::{genome, lab, spec};
use crate::support::{Controller, Worker, probe};

fn login(secret: &str) -> v1::S3Login {
    v1::S3Login {
        access_key_id: "visitor".to_owned(),
        secret_access_key: secret.to_owned(),
        ..v1::S3Login::default()
    }
}

/// A genome that comes with a login.
fn with_login() -> v1::WorkflowSpec {
    spec(v1::Genome {
        s3_login: Some(login("old")),
        ..genome()
    })
}

/// A laboratory whose controllers have a key for logins.
fn sealing(folder: &Path, etcd: &str) -> Config {
    let key = folder.join("sealing.key");
    std::fs::write(&key, [7; 32]).unwrap();
    let config = Config {
        sealing_key: Some(key),
        ..lab(folder)
    };
    among_others(config, etcd)
}

async fn renew(
    controller: &Controller,
    workflow: &str,
    s3_login: Option<v1::S3Login>,
) -> Result<v1::Workflow, tonic::Status> {
    let request = v1::RenewLoginRequest {
        workflow_id: workflow.to_owned(),
        s3_login,
    };
    let answer = controller.genomics().renew_login(request).await;
    answer.map(tonic::Response::into_inner)
}

/// Says of all tasks that their login is of no use any more, until the genome waits after one that
/// came with this secret.
async fn expire(worker: &mut Worker, (asked, workflow): (&Controller, &str), secret: &str) {
    let waits = asked.until(workflow, |seen| {
        seen.state_reason.contains("new credentials")
    });
    tokio::pin!(waits);
    let mut has_come = false;
    loop {
        let assignment = tokio::select! {
            biased;
            assignment = worker.assignment() => assignment,
            _ = &mut waits, if has_come => return,
        };
        has_come |= assignment.genome.unwrap().s3_login == Some(login(secret));
        let expired = wire::result::Outcome::Failed(wire::TaskError {
            error_class: v1::ErrorClass::CredentialsExpired.into(),
            message: "the token has expired".to_owned(),
            ..wire::TaskError::default()
        });
        worker.report(&assignment.attempt.unwrap(), expired).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn any_controller_takes_a_new_login_and_the_genome_goes_on_with_it() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let config = sealing(folder.path(), &etcd.address("a"));
    let (leader, follower) = leader_and_follower_like(config).await;
    let workflow = leader.submit("t", with_login()).await;
    let mut worker = attach(&leader, "w").await.alive(&leader);
    expire(&mut worker, (&follower, &workflow), "old").await;

    let renewed = renew(&follower, &workflow, Some(login("new"))).await;
    let shown = format!("{:?}", renewed.unwrap());
    assert!(!shown.contains("\"new\""), "{shown}");
    expire(&mut worker, (&leader, &workflow), "new").await;

    // The next leader has the key, too.
    renew(&leader, &workflow, Some(login("newest")))
        .await
        .unwrap();
    drop(worker);
    leader.kill().await;
    let mut worker = attach(&follower, "w").await.alive(&follower);
    expire(&mut worker, (&follower, &workflow), "newest").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_nothing_waits_for_is_refused() {
    let (etcd, folder) = (Etcd::start(), tempfile::tempdir().unwrap());
    let config = sealing(folder.path(), &etcd.address("a"));
    let (leader, follower) = leader_and_follower_like(config).await;
    let ended = leader.submit("ended", with_login()).await;
    leader.cancel(&ended).await.unwrap();
    leader
        .until_state(&ended, v1::WorkflowState::Cancelled)
        .await;
    let without = leader.submit("without", spec(genome())).await;
    let probe = leader.submit("probe", probe(1)).await;
    for (workflow, given, code) in [
        (&ended, Some(login("new")), Code::FailedPrecondition),
        (&without, Some(login("new")), Code::FailedPrecondition),
        (&probe, Some(login("new")), Code::FailedPrecondition),
        (&without, None, Code::InvalidArgument),
        (&"nobody".to_owned(), Some(login("new")), Code::NotFound),
    ] {
        for controller in [&leader, &follower] {
            let refused = renew(controller, workflow, given.clone()).await;
            assert_eq!(refused.err().map(|status| status.code()), Some(code));
        }
    }
}
