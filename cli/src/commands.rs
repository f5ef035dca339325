//! The subcommands and how each is run.

use std::future::Future;
use std::process::ExitCode;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};
use common::telemetry::{self, LogFormat, Spans};
use tracing::Instrument;

use crate::{
    align, allocator, apply_recal, audit, call, cancel, cluster, controller, download, drain,
    evaluate, genotype, index, key, list, markdup, metrics, recalibrate, reference, renew_login,
    run, server, sort, state, status, stdout, submit, watch, worker, workers,
};

/// Raw reads in; alignments, variants and clinical results out, over a pool of machines
///
/// Exit codes: 0 success, 1 failed, 2 wrong usage, 3 invalid input, 4 server not available,
/// 5 cancelled, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "spindle", version, max_term_width = 100)]
pub struct Cli {
    /// How log lines look; RUST_LOG chooses which are shown
    #[arg(long, global = true, default_value = "text", hide_short_help = true)]
    log_format: LogStyle,
    #[command(subcommand)]
    command: Command,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum LogStyle {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl From<LogStyle> for LogFormat {
    fn from(style: LogStyle) -> Self {
        match style {
            LogStyle::Text => Self::Text,
            LogStyle::Json => Self::Json,
        }
    }
}

#[derive(Debug, Subcommand)]
enum Command {
    Run(Box<run::Args>),
    Server(server::Args),
    Controller(controller::Args),
    Worker(worker::Args),
    Index(index::Args),
    Align(Box<align::Args>),
    Sort(sort::Args),
    Markdup(Box<markdup::Args>),
    Metrics(metrics::Args),
    Recalibrate(recalibrate::Args),
    ApplyRecal(apply_recal::Args),
    Call(call::Args),
    Genotype(genotype::Args),
    Evaluate(evaluate::Args),
    Submit(Box<submit::Args>),
    List(list::Args),
    Status(status::Args),
    Watch(watch::Args),
    Cancel(cancel::Args),
    RenewLogin(renew_login::Args),
    Workers(workers::Args),
    Cluster(cluster::Args),
    State(state::Args),
    Drain(drain::Args),
    Download(download::Args),
    Key(key::Args),
    Audit(audit::Args),
    Reference(reference::Args),
    /// One attempt of a task, told on standard input by a worker
    #[command(hide = true)]
    Task,
    /// Prints the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Returns which log lines are shown: the long-lived roles tell more.
    const fn default_log(&self) -> &'static str {
        match self {
            Self::Server(_) | Self::Controller(_) | Self::Worker(_) => "info",
            _ => "warn",
        }
    }
}

impl Command {
    /// Says whether memory is taken and freed in large pieces all the time.
    const fn frees_much(&self) -> bool {
        use Command::{ApplyRecal, Markdup, Run, Sort, Task};
        matches!(self, Run(_) | Task | Sort(_) | Markdup(_) | ApplyRecal(_))
    }

    /// Returns where spans go, if the environment asks for any.
    const fn spans(&self) -> Spans {
        match self {
            Self::Server(_) | Self::Run(_) => Spans::Export("spindle"),
            Self::Controller(_) => Spans::Export("spindle-controller"),
            Self::Worker(_) => Spans::Export("spindle-worker"),
            Self::Submit(_) | Self::Cancel(_) => Spans::Export("spindle-client"),
            Self::Task => Spans::Collect,
            _ => Spans::Off,
        }
    }
}

impl Cli {
    /// Runs the subcommand.
    ///
    /// # Errors
    /// Whatever it answers, with its exit code.
    pub fn run(self) -> Result<ExitCode> {
        if self.command.frees_much() {
            allocator::keep_memory();
        }
        let (format, filter) = (self.log_format.into(), self.command.default_log());
        let _telemetry = telemetry::start(format, filter, self.command.spans());
        match self.command {
            Command::Run(args) => block_on(run::run(*args).instrument(common::span!("run"))),
            Command::Server(args) => block_on(server::run(args)),
            Command::Controller(args) => block_on(controller::run(args)),
            Command::Worker(args) => block_on(worker::run(args)),
            Command::Task => return Ok(::worker::task_main()),
            Command::Index(args) => index::run(&args),
            Command::Align(args) => align::run(&args),
            Command::Sort(args) => sort::run(&args),
            Command::Markdup(args) => markdup::run(&args),
            Command::Metrics(args) => metrics::run(&args),
            Command::Recalibrate(args) => recalibrate::run(&args),
            Command::ApplyRecal(args) => apply_recal::run(&args),
            Command::Call(args) => call::run(&args),
            Command::Genotype(args) => genotype::run(&args),
            Command::Evaluate(args) => evaluate::run(&args),
            Command::Submit(args) => {
                block_on(submit::run(*args).instrument(common::span!("submit")))
            }
            Command::List(args) => block_on(list::run(args)),
            Command::Status(args) => block_on(status::run(args)),
            Command::Watch(args) => block_on(watch::run(args)),
            Command::Cancel(args) => {
                block_on(cancel::run(args).instrument(common::span!("cancel")))
            }
            Command::RenewLogin(args) => block_on(renew_login::run(args)),
            Command::Workers(args) => block_on(workers::run(args)),
            Command::Cluster(args) => block_on(cluster::run(args)),
            Command::State(args) => block_on(state::run(args)),
            Command::Drain(args) => block_on(drain::run(args)),
            Command::Download(args) => block_on(download::run(args)),
            Command::Key(args) => key::run(&args),
            Command::Audit(args) => audit::run(&args),
            Command::Reference(args) => block_on(reference::run(args)),
            Command::Completions { shell } => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut Cli::command(), "spindle", &mut script);
                stdout::bytes(&script);
                Ok(())
            }
        }
        .map(|()| ExitCode::SUCCESS)
    }
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(work)
}
