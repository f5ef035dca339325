//! `spindle status`: one workflow in full.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::{GetWorkflowRequest, StageState, Workflow};

use crate::client::ServerArgs;
use crate::{json, text};

/// Shows one workflow: its stages, error and outputs
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

/// Prints the workflow.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.genomics().await?;
    let request = GetWorkflowRequest {
        workflow_id: args.workflow_id,
    };
    let call = async || client.clone().get_workflow(request.clone()).await;
    let workflow = args.server.call(call).await?;
    if args.json {
        crate::stdout::say!("{}", json::workflow(&workflow));
    } else {
        print(&workflow);
    }
    Ok(())
}

fn print(workflow: &Workflow) {
    crate::stdout::say!("workflow  {}", workflow.workflow_id);
    crate::stdout::say!("sample    {}", json::sample(workflow));
    crate::stdout::say!(
        "state     {} {}",
        text::state(workflow.state()),
        workflow.state_reason
    );
    if let Some(error) = &workflow.error {
        crate::stdout::say!("error     {}", text::error(error));
    }
    for warning in &workflow.warnings {
        crate::stdout::say!("warning   {warning}");
    }
    for stage in workflow
        .stages
        .iter()
        .filter(|stage| stage.state() != StageState::Skipped)
    {
        crate::stdout::say!(
            "{:<12} {:<8} {:>6}/{:<6} tasks  {:>4} attempts  {:>14} reads  {:>9.1} CPU s{}",
            text::stage(stage.stage()),
            text::stage_state(stage.state()),
            stage.done,
            stage.tasks,
            stage.attempts,
            text::grouped(stage.reads),
            stage.cpu_ms as f64 / 1000.0,
            match stage.cached {
                0 => String::new(),
                cached => format!("  {cached} cached"),
            },
        );
    }
    for output in &workflow.outputs {
        crate::stdout::say!(
            "output    {} ({} bytes) {}",
            output.name,
            output.size_bytes,
            output.uri
        );
    }
}
