//! `spindle controller`: the role that decides.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use clap::Args as ClapArgs;
use common::tls::{Identity, ServerTls};
use controller::access::Policy;
use controller::{Config, Listen, Ready};
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
    /// Folder of uploads, intermediates and outputs that stay
    #[arg(long, value_name = "DIR")]
    objects: PathBuf,
    #[command(flatten)]
    roots: RootArgs,
    /// Time after which a silent worker is given up
    #[arg(long, default_value = "10s", value_name = "TIME", value_parser = parse_duration)]
    lease: Duration,
    /// Who may do what: tenants, keys, identity providers (docs/SECURITY.md)
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Certificate to show; with it the port speaks TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// Key of that certificate
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// Authority whose certificates let workers in
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    client_ca: Option<PathBuf>,
    /// Listen without TLS, and without authentication unless there is a policy
    #[arg(long, conflicts_with = "tls_cert")]
    insecure: bool,
}

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// If it cannot start, or its store fails.
pub async fn run(args: Args) -> Result<()> {
    let config = config(args)?;
    let (ready, is_ready) = oneshot::channel();
    let announced = tokio::spawn(announce(is_ready));
    let ended_with = controller::run(config, ready, asked_to_end()?).await;
    announced.await?;
    Ok(ended_with?)
}

fn config(args: Args) -> Result<Config> {
    let mut config = Config::under(&args.state);
    let identity = args.tls_cert.zip(args.tls_key);
    config.listen = vec![match identity {
        Some((certificate, key)) => Listen::Tls {
            address: args.listen,
            tls: ServerTls {
                identity: Identity { certificate, key },
                client_ca: args.client_ca,
            },
        },
        None => Listen::Tcp {
            address: args.listen,
            insecure: args.insecure,
        },
    }];
    let policy = args.policy.as_deref().map(Policy::read).transpose()?;
    config.policy = policy;
    config.audit = Some(args.state.clone());
    config.state = args.state;
    config.objects = args.objects;
    config.roots = args.roots.root.into_iter().collect();
    config.lease = args.lease;
    config
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    Ok(config)
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
