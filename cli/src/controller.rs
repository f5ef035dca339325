//! `spindle controller`: the role that decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args as ClapArgs;
use controller::{Config, Listen, ObjectsAt, Ready};
use object_store::s3::Address;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::{Exit, ended};
use crate::server_args::{RootArgs, parse_address, parse_duration};

/// Runs the controller of a cluster
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    listen: SocketAddr,
    /// Folder of the queue and the journals
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Folder of uploads, intermediates and outputs that stay, or s3://BUCKET/PREFIX
    ///
    /// Endpoint and credentials of S3 come from AWS_ENDPOINT_URL, AWS_REGION,
    /// AWS_ACCESS_KEY_ID and its like, a profile or a web identity; workers use their own.
    #[arg(long, value_name = "DIR|URL", value_parser = parse_objects)]
    objects: ObjectsAt,
    #[command(flatten)]
    roots: RootArgs,
    /// Time after which a silent worker is given up
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    lease: Duration,
    /// Listen without TLS and authentication: whoever reaches the port may do everything
    #[arg(long)]
    insecure: bool,
}

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// If it cannot start, or its store fails.
pub async fn run(args: Args) -> Result<()> {
    let mut config = Config::under(&args.state);
    config.state = args.state;
    config.objects = args.objects;
    config.listen = vec![Listen::Tcp {
        address: args.listen,
        insecure: args.insecure,
    }];
    config.roots = args.roots.root.into_iter().collect();
    config.lease = args.lease;
    config
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let (ready, is_ready) = oneshot::channel();
    let announced = tokio::spawn(announce(is_ready));
    let ended_with = controller::run(config, ready, asked_to_end()?).await;
    announced.await?;
    Ok(ended_with?)
}

/// Parses a folder or an address in S3.
fn parse_objects(text: &str) -> Result<ObjectsAt, String> {
    if Address::is_meant(text) {
        let address = text.parse::<Address>();
        return address.map(ObjectsAt::S3).map_err(|e| e.to_string());
    }
    Ok(ObjectsAt::Folder(text.into()))
}

/// Prints where the controller listens, once it does.
pub async fn announce(ready: oneshot::Receiver<Ready>) {
    if let Ok(ready) = ready.await {
        for bound in ready.bound {
            crate::stdout::say!("listening on {bound}");
        }
    }
}

/// Returns what is done once SIGTERM or Ctrl-C came.
///
/// # Errors
/// If the system refuses the handlers.
pub fn asked_to_end() -> Result<impl Future<Output = ()> + Send> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_in_a_folder_or_in_s3() {
        let folder = ObjectsAt::Folder("objects".into());
        assert_eq!(parse_objects("objects"), Ok(folder));
        let address = "s3://bucket/p".parse().unwrap();
        assert_eq!(parse_objects("s3://bucket/p"), Ok(ObjectsAt::S3(address)));
        assert!(parse_objects("s3://").is_err());
    }
}
