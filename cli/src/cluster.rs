//! `spindle cluster`: who leads, and who is there.

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::{Cluster, GetClusterRequest};
use serde_json::{Value, json};

use crate::client::ServerArgs;
use crate::{json, workers};

/// Shows the leader, its epoch, all controllers and the workers
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Prints the cluster.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.admin().await?;
    let call = async || client.clone().get_cluster(GetClusterRequest {}).await;
    let cluster = args.server.call(call).await?;
    if args.json {
        crate::stdout::say!("{}", as_json(&cluster));
        return Ok(());
    }
    match cluster.leader.as_str() {
        "" => crate::stdout::say!("leader   none"),
        leader => crate::stdout::say!("leader   {leader}  epoch {}", cluster.epoch),
    }
    for replica in &cluster.replicas {
        let role = if replica.leads { "leads" } else { "follows" };
        crate::stdout::say!("replica  {}  {role}", replica.address);
    }
    for worker in &cluster.workers {
        workers::print(worker, false);
    }
    Ok(())
}

fn as_json(cluster: &Cluster) -> Value {
    let Cluster {
        leader,
        epoch,
        replicas,
        workers,
    } = cluster;
    let replicas = replicas.iter();
    let replicas = replicas.map(|one| json!({"address": one.address, "leads": one.leads}));
    json!({
        "leader": leader,
        "epoch": epoch,
        "replicas": replicas.collect::<Vec<_>>(),
        "workers": workers.iter().map(json::worker).collect::<Vec<_>>(),
    })
}
