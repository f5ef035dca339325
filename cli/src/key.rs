//! `spindle key`: a new key of a program, and what the policy holds of it.

use anyhow::Result;
use clap::Args as ClapArgs;
use controller::access::NewKey;

use crate::stdout::say;

/// Makes a key for a program: prints it, and the line of the policy that lets it in
///
/// The key is shown once. The policy holds its digest, from which it cannot be found.
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// What logs call it
    #[arg(long)]
    name: String,
    /// Whose genomes it may see; * for those of all tenants
    #[arg(long)]
    tenant: String,
    /// What it may do
    #[arg(long, value_parser = ["reader", "submitter", "operator", "admin", "auditor", "worker"])]
    role: String,
    /// No longer from this date on: YYYY-MM-DD
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
}

/// Prints the key and the line.
///
/// # Errors
/// None.
pub fn run(args: &Args) -> Result<()> {
    let Args {
        name,
        tenant,
        role,
        expires,
    } = args;
    let key = NewKey::make();
    let digest = key.digest();
    let expires = expires
        .as_ref()
        .map_or_else(String::new, |date| format!(", expires: {date:?}"));
    say!("{}", key.reveal());
    say!("# under keys: in the policy");
    say!("- {{name: {name:?}, sha256: {digest}, tenant: {tenant:?}, role: {role}{expires}}}");
    Ok(())
}
