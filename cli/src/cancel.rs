//! `spindle cancel`: ends a workflow.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::CancelWorkflowRequest;

use crate::client::ServerArgs;
use crate::text;

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
    let client = args.server.genomics().await?;
    let request = CancelWorkflowRequest {
        workflow_id: args.workflow_id,
    };
    let call = async || client.clone().cancel_workflow(request.clone()).await;
    let workflow = args.server.call(call).await?;
    text::say_state(&workflow, args.json);
    Ok(())
}
