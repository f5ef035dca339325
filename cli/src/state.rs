//! `spindle state`: looks into the state of a cluster or of a stopped controller.

use anyhow::Result;
use clap::{Args as ClapArgs, Subcommand};
use controller::state::dump;

use crate::server_args::EtcdTlsArgs;

/// Looks into the state
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Prints all records, one JSON object a line
    ///
    /// A folder can be read while no controller holds it, an etcd cluster at any time.
    Dump {
        /// As the controller's: a folder, or an etcd cluster
        #[arg(long, value_name = "DIR|etcd://H:P,H:P")]
        state: String,
        #[command(flatten)]
        etcd: EtcdTlsArgs,
        /// Only records of this workflow
        #[arg(long, value_name = "ID")]
        workflow: Option<String>,
    },
}

/// Prints the records.
///
/// # Errors
/// If the state cannot be opened or read.
pub async fn run(args: Args) -> Result<()> {
    let Command::Dump {
        state,
        etcd,
        workflow,
    } = args.command;
    let runtime = tokio::runtime::Handle::current();
    let dumped = tokio::task::spawn_blocking(move || {
        dump::dump(&state, etcd.tls(), runtime, |record| {
            let wanted = workflow.as_deref().is_none_or(|id| record.is_of(id));
            if wanted {
                crate::stdout::say!("{}", record.to_json());
            }
        })
    });
    Ok(dumped.await??)
}
