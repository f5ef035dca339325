//! `spindle download`: fetches outputs that stay with the server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args as ClapArgs;
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{DownloadOutputRequest, GetWorkflowRequest, OutputFile, Workflow};
use tokio::io::AsyncWriteExt;

use crate::client::{Connection, ServerArgs};
use crate::exit::{Exit, ended, refused};

/// Downloads the outputs of a workflow
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    server: ServerArgs,
    /// Id, as `submit` and `list` print it
    workflow_id: String,
    /// Folder for the files
    #[arg(long, short, default_value = ".", value_name = "DIR")]
    out: PathBuf,
    /// Only these files
    #[arg(long, value_name = "FILE")]
    name: Vec<String>,
    /// Replace existing files
    #[arg(long)]
    overwrite: bool,
}

/// Downloads what was asked for.
///
/// # Errors
/// What the server answers, or the file system.
pub async fn run(args: Args) -> Result<()> {
    let mut client = args.server.genomics().await?;
    let request = GetWorkflowRequest {
        workflow_id: args.workflow_id.clone(),
    };
    let answer = client
        .get_workflow(request)
        .await
        .map_err(|status| refused(&status))?;
    let workflow = answer.into_inner();
    let missing = |name: &&String| !workflow.outputs.iter().any(|output| &output.name == *name);
    if let Some(name) = args.name.iter().find(missing) {
        return Err(ended(
            Exit::InvalidInput,
            format!("workflow has no output {name}"),
        ));
    }
    download(
        &mut client,
        &workflow,
        &args.name,
        &args.out,
        args.overwrite,
    )
    .await
}

/// Downloads outputs (all if `names` is empty) into a folder; each file appears whole.
///
/// # Errors
/// What the server answers, or the file system; a size that differs.
pub async fn download(
    client: &mut GenomicsClient<Connection>,
    workflow: &Workflow,
    names: &[String],
    folder: &Path,
    overwrite: bool,
) -> Result<()> {
    tokio::fs::create_dir_all(folder)
        .await
        .with_context(|| folder.display().to_string())?;
    let wanted = |output: &&OutputFile| names.is_empty() || names.contains(&output.name);
    for output in workflow.outputs.iter().filter(wanted) {
        let path = folder.join(&output.name);
        if !overwrite && path.exists() {
            let message = format!("{}: exists; use --overwrite", path.display());
            return Err(ended(Exit::InvalidInput, message));
        }
        fetch(client, &workflow.workflow_id, output, &path).await?;
        crate::stdout::say!("{}", path.display());
    }
    Ok(())
}

async fn fetch(
    client: &mut GenomicsClient<Connection>,
    workflow_id: &str,
    output: &OutputFile,
    path: &Path,
) -> Result<()> {
    let request = DownloadOutputRequest {
        workflow_id: workflow_id.into(),
        name: output.name.clone(),
        offset: 0,
    };
    let answer = client
        .download_output(request)
        .await
        .map_err(|status| refused(&status))?;
    let mut chunks = answer.into_inner();
    let part = path.with_added_extension("part");
    let shown = || part.display().to_string();
    let mut file = tokio::fs::File::create(&part).await.with_context(shown)?;
    let mut size_bytes = 0;
    while let Some(answer) = chunks.message().await.map_err(|status| refused(&status))? {
        size_bytes += answer.chunk.len() as u64;
        file.write_all(&answer.chunk).await.with_context(shown)?;
    }
    file.sync_all().await.with_context(shown)?;
    if size_bytes != output.size_bytes {
        bail!(
            "{}: {size_bytes} bytes came, {} expected",
            output.name,
            output.size_bytes
        );
    }
    tokio::fs::rename(&part, path)
        .await
        .with_context(|| path.display().to_string())
}
