//! `spindle cancel`: ends a workflow.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::CancelWorkflowRequest;

use crate::client::ServerArgs;
use crate::exit::refused;
use crate::{json, text};

/// Cancels a workflow; its workers are free within seconds
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Id, as `submit` and `list` print it
    workflow_id: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Asks for the cancellation.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let mut client = args.server.genomics().await?;
    let request = CancelWorkflowRequest {
        workflow_id: args.workflow_id,
    };
    let answer = client
        .cancel_workflow(request)
        .await
        .map_err(|status| refused(&status))?;
    let workflow = answer.into_inner();
    if args.json {
        crate::stdout::say!("{}", json::workflow(&workflow));
    } else {
        crate::stdout::say!("{} {}", workflow.workflow_id, text::state(workflow.state()));
    }
    Ok(())
}
