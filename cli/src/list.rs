//! `spindle list`: workflows, newest first.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::{ListWorkflowsRequest, Workflow, WorkflowState};

use crate::client::ServerArgs;
use crate::exit::{Exit, ended};
use crate::{json, text};

/// Lists workflows, newest first
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Only these states, such as running or failed
    #[arg(long, value_delimiter = ',', value_name = "STATE")]
    state: Vec<String>,
    /// Only this sample
    #[arg(long, default_value = "")]
    sample: String,
    /// Only this batch
    #[arg(long, default_value = "")]
    batch: String,
    /// At most so many
    #[arg(long, default_value_t = 100)]
    limit: usize,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints the workflows.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.genomics().await?;
    let states = args
        .state
        .iter()
        .map(|word| state(word))
        .collect::<Result<Vec<_>>>()?;
    let mut page_token = String::new();
    let mut left = args.limit;
    while left > 0 {
        let request = ListWorkflowsRequest {
            page_size: left.min(1000) as u32,
            page_token,
            states: states.clone(),
            sample: args.sample.clone(),
            batch_id: args.batch.clone(),
        };
        let call = async || client.clone().list_workflows(request.clone()).await;
        let page = args.server.call(call).await?;
        for workflow in &page.workflows {
            print(workflow, args.json);
        }
        left -= page.workflows.len().min(left);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(())
}

fn print(workflow: &Workflow, as_json: bool) {
    if as_json {
        crate::stdout::say!("{}", json::workflow(workflow));
        return;
    }
    let created = workflow
        .created_at
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    crate::stdout::say!(
        "{}  {:<11} {:<20} {created}",
        workflow.workflow_id,
        text::state(workflow.state()),
        json::sample(workflow),
    );
}

fn state(word: &str) -> Result<i32> {
    let name = format!("WORKFLOW_STATE_{}", word.to_ascii_uppercase());
    WorkflowState::from_str_name(&name)
        .map(i32::from)
        .ok_or_else(|| ended(Exit::Usage, format!("no such state: {word}")))
}
