//! Following a workflow to its end.

use std::time::Duration;

use anyhow::Result;
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{WatchWorkflowRequest, Workflow};
use tonic::Code;

use crate::client::Connection;
use crate::exit::refused;
use crate::text;

/// Watches a workflow until `enough` says so or it ends; a broken stream is opened again.
///
/// # Errors
/// What the server answers, once it has been silent for a minute.
pub async fn follow(
    client: &mut GenomicsClient<Connection>,
    workflow_id: &str,
    mut enough: impl FnMut(&Workflow) -> bool,
) -> Result<Workflow> {
    const PATIENCE: Duration = Duration::from_secs(60);
    const PAUSE: Duration = Duration::from_millis(500);
    let mut silent_since = tokio::time::Instant::now();
    loop {
        let status = match watch(client, workflow_id, &mut enough, &mut silent_since).await {
            Ok(workflow) => return Ok(workflow),
            Err(status) => status,
        };
        let passing = matches!(
            status.code(),
            Code::Unavailable | Code::Unknown | Code::Cancelled
        );
        if !passing || silent_since.elapsed() > PATIENCE {
            return Err(refused(&status));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn watch(
    client: &mut GenomicsClient<Connection>,
    workflow_id: &str,
    enough: &mut impl FnMut(&Workflow) -> bool,
    silent_since: &mut tokio::time::Instant,
) -> Result<Workflow, tonic::Status> {
    let request = WatchWorkflowRequest {
        workflow_id: workflow_id.into(),
    };
    let mut changes = client.watch_workflow(request).await?.into_inner();
    while let Some(workflow) = changes.message().await? {
        *silent_since = tokio::time::Instant::now();
        if enough(&workflow) || text::is_final(workflow.state()) {
            return Ok(workflow);
        }
    }
    Err(tonic::Status::unavailable("server closed the stream"))
}
