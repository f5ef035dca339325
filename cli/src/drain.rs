//! `spindle drain`: takes a worker out of the pool.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::DrainRequest;

use crate::client::ServerArgs;
use crate::workers;

/// Gives a worker no more tasks; what it runs is finished or handed back
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Id, as `workers` prints it
    worker_id: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Asks for the drain.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.admin().await?;
    let request = DrainRequest {
        worker_id: args.worker_id,
    };
    let call = async || client.clone().drain(request.clone()).await;
    let answer = args.server.call(call).await?;
    if let Some(worker) = &answer.worker {
        workers::print(worker, args.json);
    }
    Ok(())
}
