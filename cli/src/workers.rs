//! `spindle workers`: the pool.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::{ListWorkersRequest, WorkerStatus};

use crate::client::ServerArgs;
use crate::json;

/// Lists the workers that are attached
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Prints the workers.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.admin().await?;
    let call = async || client.clone().list_workers(ListWorkersRequest {}).await;
    let answer = args.server.call(call).await?;
    for worker in &answer.workers {
        print(worker, args.json);
    }
    Ok(())
}

/// Prints one worker.
pub fn print(worker: &WorkerStatus, as_json: bool) {
    if as_json {
        crate::stdout::say!("{}", json::worker(worker));
        return;
    }
    let until = worker.cordoned_until.as_ref();
    let until = until.map_or_else(String::new, |until| format!(", cordoned until {until}"));
    crate::stdout::say!(
        "{}  {:<20} {:<8} {:>3}/{:<3} cores  {:>3}/{:<3} GiB  {} running{until}",
        worker.worker_id,
        worker.host,
        json::worker_state(worker.state()),
        worker.cores_used,
        worker.cores,
        worker.memory_used_bytes >> 30,
        worker.memory_bytes >> 30,
        worker.running.len(),
    );
}
