//! `spindle run`: one genome on this machine, controller and worker in one process.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args as ClapArgs;
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::{ListWorkflowsRequest, SubmitBatchRequest, Workflow, WorkflowSpec, WorkflowState};

use crate::client::{self, Connection};
use crate::embedded::Embedded;
use crate::exit::{self, Exit, ended, refused};
use crate::genome_args::GenomeArgs;
use crate::progress::Progress;
use crate::request::{self, LocalRoot};
use crate::server_args::ResourceArgs;
use crate::{follow, summary};

/// Takes one genome from reads to alignments and variants on this machine
///
/// After Ctrl-C or a crash, the same command goes on where it was.
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(flatten)]
    genome: GenomeArgs,
    #[command(flatten)]
    resources: ResourceArgs,
    /// Folder of the outputs
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Folder for intermediate files; OUT/.NAME.spindle if none is given. Removed in the end
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Discard an unfinished run in the work folder and start anew
    #[arg(long)]
    restart: bool,
}

/// Runs the genome to its end.
///
/// # Errors
/// How the genome ended, unless it succeeded.
pub async fn run(args: Args) -> Result<()> {
    let out = std::path::absolute(&args.out).context("--out is not a path")?;
    let work = match &args.work {
        Some(work) => std::path::absolute(work).context("--work is not a path")?,
        None => out.join(format!(".{}.spindle", args.genome.sample)),
    };
    let request = request::workflow(&args.genome, request::local(&out)?, &mut LocalRoot).await?;
    // Before anything is made: the sample names the work folder.
    common::workflow::WorkflowSpec::try_from(request.clone())
        .map_err(|error| ended(Exit::InvalidInput, error.to_string()))?;
    if args.restart && work.exists() {
        std::fs::remove_dir_all(&work).with_context(|| work.display().to_string())?;
    }
    let made_out = !out.exists();
    std::fs::create_dir_all(&work).with_context(|| work.display().to_string())?;
    let embedded = Embedded::start(&work, args.resources.cores(), args.resources.memory).await?;
    let mut client = client::genomics(embedded.connect().await?);
    let finished = tokio::select! {
        finished = follow_request(&mut client, request) => finished,
        interrupted = tokio::signal::ctrl_c() => {
            interrupted.context("Ctrl-C cannot be awaited")?;
            Err(ended(Exit::Interrupted, "interrupted: the same command goes on where it was"))
        }
        failed = embedded.failed() => Err(failed),
    };
    embedded.stop().await;
    let workflow = finished?;
    remove_work(&work, &out, made_out, workflow.state());
    exit::outcome(&workflow)?;
    summary::print(&out, &workflow)
}

/// Goes on with an unfinished run of the same request, or submits it; follows it to its end.
async fn follow_request(
    client: &mut GenomicsClient<Connection>,
    request: WorkflowSpec,
) -> Result<Workflow> {
    let workflow_id = match unfinished(client, &request).await? {
        Some(workflow_id) => {
            eprintln!("going on with {workflow_id}");
            workflow_id
        }
        None => submit(client, request).await?,
    };
    let mut progress = Progress::new();
    let mut warned = 0;
    let workflow = follow::follow(client, &workflow_id, |workflow| {
        for warning in workflow.warnings.iter().skip(warned) {
            eprintln!("warning: {warning}");
        }
        warned = workflow.warnings.len();
        progress.show(workflow);
        false
    });
    workflow.await
}

async fn submit(client: &mut GenomicsClient<Connection>, request: WorkflowSpec) -> Result<String> {
    let idempotency_token = ulid::Ulid::new().to_string();
    let request = SubmitBatchRequest {
        idempotency_token,
        workflows: vec![request],
    };
    let answer = client
        .submit_batch(request)
        .await
        .map_err(|status| refused(&status))?;
    answer
        .into_inner()
        .workflow_ids
        .pop()
        .context("the server accepted nothing")
}

/// Finds an unfinished run in the work folder.
///
/// # Errors
/// If it was started with another request.
async fn unfinished(
    client: &mut GenomicsClient<Connection>,
    request: &WorkflowSpec,
) -> Result<Option<String>> {
    let live = [
        WorkflowState::Accepted,
        WorkflowState::Queued,
        WorkflowState::Running,
        WorkflowState::Publishing,
    ];
    let list = ListWorkflowsRequest {
        states: live.map(i32::from).to_vec(),
        ..ListWorkflowsRequest::default()
    };
    let answer = client
        .list_workflows(list)
        .await
        .map_err(|status| refused(&status))?;
    match answer.into_inner().workflows.into_iter().next() {
        None => Ok(None),
        Some(known) if is_same(known.spec.as_ref(), request) => Ok(Some(known.workflow_id)),
        Some(_) => Err(ended(
            Exit::Usage,
            "the work folder holds an unfinished run with other options: repeat those, or use --restart",
        )),
    }
}

/// Says whether two requests ask for the same; a server fills in what was left to it.
fn is_same(known: Option<&WorkflowSpec>, request: &WorkflowSpec) -> bool {
    let read = |spec: &WorkflowSpec| common::workflow::WorkflowSpec::try_from(spec.clone()).ok();
    known.is_some_and(|known| read(known) == read(request))
}

/// Removes the intermediate files of a run that has ended; what cannot be removed is told.
fn remove_work(work: &Path, out: &Path, made_out: bool, state: WorkflowState) {
    if let Err(error) = std::fs::remove_dir_all(work) {
        eprintln!("warning: {}: not removed: {error}", work.display());
    }
    if made_out && state != WorkflowState::Succeeded {
        // Only an empty folder goes: anything in it is somebody's.
        std::fs::remove_dir(out).ok();
    }
}
