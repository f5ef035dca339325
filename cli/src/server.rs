//! `spindle server`: controller and worker of one machine in one long-lived process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use controller::{Config, Listen};
use tokio::sync::oneshot;

use crate::controller::{announce, asked_to_end};
use crate::embedded::stopped;
use crate::exit::{Exit, ended};
use crate::server_args::{CacheArgs, MetricsArgs, ResourceArgs, RootArgs, parse_address};
use crate::worker::child_tasks;

/// Runs controller and worker for this machine
///
/// It listens on the socket STATE/socket, which its owner alone may open; on --listen too, which
/// is on loopback and asks for the token in STATE/token, unless --insecure says otherwise.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Folder of queue, journals, objects, socket and token
    #[arg(long, value_name = "DIR")]
    state: PathBuf,
    /// Address to listen on besides the socket
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_address)]
    listen: Option<SocketAddr>,
    #[command(flatten)]
    roots: RootArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    #[command(flatten)]
    cache: CacheArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    /// Listen without TLS and authentication: whoever reaches the port may do everything
    #[arg(long)]
    insecure: bool,
}

/// Runs until SIGTERM or Ctrl-C.
///
/// # Errors
/// If a role cannot start or fails.
pub async fn run(args: Args) -> Result<()> {
    let state = std::path::absolute(&args.state).context("--state is not a path")?;
    let config = controller_config(&args, &state);
    config
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let (ready, is_ready) = oneshot::channel();
    let mut controller = tokio::spawn(controller::run(config, ready, stopped(stopping.clone())));
    announce(is_ready).await;
    let mut worker = tokio::spawn(worker::run_until(
        worker_config(&args, &state)?,
        stopped(stopping),
    ));
    tokio::select! {
        () = asked_to_end()? => {}
        ended = &mut controller => return Ok(ended??),
        ended = &mut worker => return Ok(ended??),
    }
    stop.send_replace(true);
    worker.await??;
    Ok(controller.await??)
}

fn controller_config(args: &Args, state: &Path) -> Config {
    let mut config = Config::under(state);
    config.listen = vec![Listen::Unix {
        path: state.join("socket"),
    }];
    config
        .listen
        .extend(args.listen.map(|address| match args.insecure {
            true => Listen::Tcp {
                address,
                insecure: true,
            },
            false => Listen::TcpWithToken {
                address,
                token_file: state.join("token"),
            },
        }));
    config.roots = args.roots.root.iter().cloned().collect();
    config.audit = Some(state.to_owned());
    config.metrics = args.metrics.metrics;
    config.cache = args.cache.terms();
    config
}

fn worker_config(args: &Args, state: &Path) -> Result<worker::Config> {
    let socket = format!("unix:{}", state.join("socket").display());
    let mut config = worker::Config::new(
        worker::Controller::Address(socket),
        state.join("scratch"),
        args.resources.cores(),
        args.resources.memory,
    );
    config.roots = args.roots.root.iter().cloned().collect();
    config.roots_are_proven = true;
    config.tasks = child_tasks()?;
    Ok(config)
}
