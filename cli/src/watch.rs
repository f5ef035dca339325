//! `spindle watch`: follows a workflow to its end.

use anyhow::Result;
use clap::Args as ClapArgs;

use crate::client::ServerArgs;
use crate::progress::Progress;
use crate::{exit, follow, json};

/// Follows a workflow to its end, whose exit code tells how it ended
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Id, as `submit` and `list` print it
    workflow_id: String,
    /// One JSON object for each change
    #[arg(long)]
    json: bool,
}

/// Shows every change.
///
/// # Errors
/// What the server answers, and how the workflow ended unless it succeeded.
pub async fn run(args: Args) -> Result<()> {
    let mut client = args.server.genomics().await?;
    let mut progress = if args.json {
        Progress::quiet()
    } else {
        Progress::new()
    };
    let ended = follow::follow(&mut client, &args.workflow_id, |workflow| {
        if args.json {
            crate::stdout::say!("{}", json::workflow(workflow));
        }
        progress.show(workflow);
        false
    });
    exit::outcome(&ended.await?)
}
