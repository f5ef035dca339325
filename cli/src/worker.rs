//! `spindle worker`: the role that computes.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use common::servers::addresses;
use worker::{Config, Controller, TaskMode};

use crate::client;
use crate::exit::{Exit, ended};
use crate::genome_args::parse_bytes;
use crate::server_args::{ClientTlsArgs, MetricsArgs, ResourceArgs, RootArgs};

/// Runs a worker of a cluster
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The controller: https://HOST:PORT, http://HOST:PORT or unix:SOCKET; several of one cluster
    /// with commas between
    #[arg(long, value_name = "URL")]
    controller: String,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Folder for unfinished work and fetched files
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// Fetched files that are kept in the scratch folder: references and their indexes
    #[arg(long, default_value = "64G", value_name = "SIZE", value_parser = parse_bytes)]
    cache: u64,
    #[command(flatten)]
    roots: RootArgs,
    /// Use the controller's port even where its object folder can be seen
    #[arg(long)]
    no_shared_objects: bool,
    /// File with the server's token, or a key whose role is worker
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    #[command(flatten)]
    tls: ClientTlsArgs,
    #[command(flatten)]
    metrics: MetricsArgs,
    /// Connect without TLS and authentication
    #[arg(long)]
    insecure: bool,
}

/// Runs until SIGTERM or Ctrl-C, hands back what it cannot finish, and ends.
///
/// # Errors
/// If it cannot start, or the controller refuses it.
pub async fn run(args: Args) -> Result<()> {
    let is_plain = addresses(&args.controller).any(|one| one.starts_with("http://"));
    if is_plain && args.token_file.is_none() && !args.insecure {
        let message = format!(
            "{} has neither TLS nor authentication: say --insecure if that is meant",
            args.controller
        );
        return Err(ended(Exit::Usage, message));
    }
    let scratch = args
        .scratch
        .unwrap_or_else(|| std::env::temp_dir().join("spindle-worker"));
    let controller = match args.tls.of(&args.controller)? {
        Some(tls) => Controller::Secure(args.controller, tls),
        None => Controller::Address(args.controller),
    };
    let mut config = Config::new(
        controller,
        scratch,
        args.resources.cores(),
        args.resources.memory,
    );
    config.token = args
        .token_file
        .map(|path| client::read_token(&path))
        .transpose()?;
    config.roots = args.roots.root.into_iter().collect();
    config.cache_bytes = args.cache;
    config.shared_objects = !args.no_shared_objects;
    config.metrics = args.metrics.metrics;
    config.tasks = child_tasks()?;
    config
        .validate()
        .map_err(|error| ended(Exit::Usage, error.to_string()))?;
    Ok(worker::run(config).await?)
}

/// Returns that each task runs in a process of its own, of this same program.
///
/// # Errors
/// If the program does not know its own path.
pub fn child_tasks() -> Result<TaskMode> {
    Ok(TaskMode::Child {
        program: std::env::current_exe().context("the program does not know its own path")?,
        arguments: vec!["task".into()],
    })
}
