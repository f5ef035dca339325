//! `spindle audit`: whether the audit log is whole.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand};
use controller::access::audit::verify_folder;

use crate::exit::{Exit, ended};
use crate::stdout::say;

/// Checks the audit log of a controller
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Checks that no line was changed, removed, added or moved; prints number and head of the log
    Verify {
        /// Folder with audit.jsonl and audit.key: the controller's state
        folder: PathBuf,
        /// Head that was printed before: the log must still have that line
        #[arg(long, value_name = "NUMBER:MAC")]
        head: Option<String>,
    },
}

/// Runs the check.
///
/// # Errors
/// With the first line that does not fit.
pub fn run(args: &Args) -> Result<()> {
    let Command::Verify { folder, head } = &args.command;
    let known = head.as_deref().map(parse_head).transpose()?;
    let found = verify_folder(folder, known).with_context(|| folder.display().to_string())?;
    say!(
        "{} lines, head {}:{}",
        found.number,
        found.number,
        found.mac
    );
    Ok(())
}

fn parse_head(text: &str) -> Result<controller::access::audit::Head> {
    let parsed = text.split_once(':').and_then(|(number, mac)| {
        Some(controller::access::audit::Head {
            number: number.parse().ok()?,
            mac: mac.parse().ok()?,
        })
    });
    parsed.ok_or_else(|| ended(Exit::Usage, format!("{text}: not NUMBER:MAC")))
}
