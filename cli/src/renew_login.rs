//! `spindle renew-login`: a new login to S3 for a genome that came with one.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args as ClapArgs;
use proto::v1::RenewLoginRequest;

use crate::client::ServerArgs;
use crate::{request, text};

/// Gives a genome a new login to S3; what waited for it goes on
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Id, as `submit` and `list` print it
    workflow_id: String,
    /// The login (YAML: access_key_id, secret_access_key, and session_token, endpoint_url, region
    /// where needed)
    #[arg(long, value_name = "FILE")]
    s3_login: PathBuf,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// Sends the login.
///
/// # Errors
/// If the file is no login; what the server answers.
pub async fn run(args: Args) -> Result<()> {
    let client = args.server.genomics().await?;
    let request = RenewLoginRequest {
        workflow_id: args.workflow_id,
        s3_login: Some(request::login(&args.s3_login)?),
    };
    let call = async || client.clone().renew_login(request.clone()).await;
    let workflow = args.server.call(call).await?;
    text::say_state(&workflow, args.json);
    Ok(())
}
