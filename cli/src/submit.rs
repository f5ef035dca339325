//! `spindle submit`: sends genomes to a server.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Arg, ArgMatches, Args as ClapArgs, Command, FromArgMatches};
use common::reference::is_name;
use proto::v1::genomics_client::GenomicsClient;
use proto::v1::references_client::ReferencesClient;
use proto::v1::{
    ReferenceRole, SubmitBatchRequest, UploadHeader, UploadReadsRequest, Workflow, WorkflowSpec,
    WorkflowState, upload_reads_request::Part,
};
use tokio::io::AsyncReadExt;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::{Connection, ServerArgs};
use crate::exit::{self, Exit, ended, refused};
use crate::genome_args::GenomeArgs;
use crate::progress::Progress;
use crate::request::{self, BatchFile, Locate};
use crate::{client, download, follow, json, reference};

/// Submits genomes: from a batch file, or one by the flags of `run`
#[derive(Debug, ClapArgs)]
pub struct Args {
    // Before the batch file, whose presence it looks at.
    #[command(flatten)]
    genome: OneGenome,
    #[command(flatten)]
    server: ServerArgs,
    /// Batch file (YAML) with many genomes
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// Folder of the outputs: root:NAME/dir on the server, or a local one with --wait
    #[arg(long, short, value_name = "DIR", default_value = "")]
    out: String,
    /// Makes the submission idempotent; a random one is taken if none is given
    #[arg(long, value_name = "TOKEN")]
    token: Option<String>,
    /// Wait for the end; the exit code tells how it ended
    #[arg(long)]
    wait: bool,
    /// Login for the s3:// places of these genomes (YAML: access_key_id, secret_access_key, and
    /// session_token, endpoint_url, region where needed); the servers use their own if none is given
    #[arg(long, value_name = "FILE")]
    s3_login: Option<PathBuf>,
    /// Neither use results of earlier genomes nor keep those of these
    #[arg(long)]
    no_cache: bool,
    /// Do not wait for the validation of the inputs
    #[arg(long, conflicts_with = "wait")]
    no_validate: bool,
    /// One JSON object for each workflow
    #[arg(long)]
    json: bool,
}

/// The genome of the flags, which only a batch file makes needless.
#[derive(Debug)]
struct OneGenome(Option<GenomeArgs>);

impl clap::Args for OneGenome {
    fn augment_args(command: Command) -> Command {
        let needless = |arg: Arg| match arg.get_id().as_str() {
            "reference" | "sample" | "reads" => {
                arg.required(false).required_unless_present("manifest")
            }
            _ => arg,
        };
        GenomeArgs::augment_args(command).mut_args(needless)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OneGenome {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        if matches.contains_id("manifest") {
            return Ok(Self(None));
        }
        GenomeArgs::from_arg_matches(matches).map(|genome| Self(Some(genome)))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// Submits, and waits as far as asked.
///
/// # Errors
/// What the server answers; with `--wait`, how the first failed workflow ended.
pub async fn run(args: Args) -> Result<()> {
    let mut client = args.server.genomics().await?;
    let download_to = local_folder(&args)?;
    let mut workflows = requests(&args, download_to.is_some()).await?;
    if let Some(file) = &args.s3_login {
        request::with_login(&mut workflows, file)?;
    }
    for workflow in &mut workflows {
        workflow.no_cache = args.no_cache;
    }
    let idempotency_token = args
        .token
        .clone()
        .unwrap_or_else(|| ulid::Ulid::new().to_string());
    let request = SubmitBatchRequest {
        idempotency_token,
        workflows,
    };
    // The token makes it one submission, however often it is sent.
    let submit = async || client.clone().submit_batch(request.clone()).await;
    let answer = args.server.call(submit).await?;
    let mut first_failure = Ok(());
    for workflow_id in answer.workflow_ids {
        let ended = follow_one(&args, &mut client, &workflow_id).await?;
        let outcome = if has_failed(&ended) {
            exit::outcome(&ended)
        } else {
            Ok(())
        };
        if let (Some(folder), WorkflowState::Succeeded) = (&download_to, ended.state()) {
            let overwrite = args
                .genome
                .0
                .as_ref()
                .is_some_and(|genome| genome.overwrite);
            download::download(&mut client, &ended, &[], folder, overwrite).await?;
        }
        if first_failure.is_ok() {
            first_failure = outcome;
        }
    }
    first_failure
}

async fn requests(args: &Args, keep_outputs: bool) -> Result<Vec<WorkflowSpec>> {
    let mut uploads = Uploads::new(args.server.connect().await?);
    match (&args.manifest, &args.genome.0) {
        (Some(manifest), _) => {
            let mut workflows = Vec::new();
            for entry in BatchFile::read(manifest)?.workflows {
                let out = if entry.out.is_empty() {
                    args.out.clone()
                } else {
                    entry.out.clone()
                };
                workflows.push(request::workflow(&entry.args()?, out, &mut uploads).await?);
            }
            Ok(workflows)
        }
        (None, Some(genome)) => {
            let out = if keep_outputs {
                String::new()
            } else {
                args.out.clone()
            };
            Ok(vec![request::workflow(genome, out, &mut uploads).await?])
        }
        (None, None) => Err(ended(
            Exit::Usage,
            "give --manifest, or --reference, --sample and --reads",
        )),
    }
}

/// Returns the local folder that the outputs are to be downloaded into, if that is asked for.
fn local_folder(args: &Args) -> Result<Option<PathBuf>> {
    if args.out.is_empty()
        || ["root:", "s3://"]
            .iter()
            .any(|scheme| args.out.starts_with(scheme))
    {
        return Ok(None);
    }
    if !args.wait || args.manifest.is_some() {
        let message =
            "a local --out needs --wait and one genome; a server's folder is root:NAME/dir";
        return Err(ended(Exit::Usage, message));
    }
    Ok(Some(PathBuf::from(&args.out)))
}

async fn follow_one(
    args: &Args,
    client: &mut GenomicsClient<Connection>,
    workflow_id: &str,
) -> Result<Workflow> {
    if !args.json {
        crate::stdout::say!("{workflow_id}");
    }
    let mut progress = if args.wait && !args.json {
        Progress::new()
    } else {
        Progress::quiet()
    };
    let workflow = follow::follow(client, workflow_id, |workflow| {
        progress.show(workflow);
        let validated = workflow.state() != WorkflowState::Accepted;
        args.no_validate || (validated && !args.wait)
    });
    let workflow = workflow.await?;
    if args.json {
        crate::stdout::say!("{}", json::workflow(&workflow));
    }
    Ok(workflow)
}

fn has_failed(workflow: &Workflow) -> bool {
    let state = workflow.state();
    matches!(
        state,
        WorkflowState::Rejected | WorkflowState::Failed | WorkflowState::Cancelled
    )
}

/// Sends local files to the server; locations that it knows pass as they are.
pub struct Uploads {
    client: GenomicsClient<Connection>,
    references: ReferencesClient<Connection>,
    sent: HashMap<String, String>,
}

impl Uploads {
    /// Sends them over a connection.
    pub fn new(connection: Connection) -> Self {
        Self {
            client: client::genomics(connection.clone()),
            references: ReferencesClient::new(connection),
            sent: HashMap::new(),
        }
    }

    /// Says whether a text is a location that the server knows.
    pub fn is_location(text: &str) -> bool {
        let schemes = ["root:", "upload:", "reference:", "s3://"];
        schemes.iter().any(|scheme| text.starts_with(scheme))
    }
}

impl Locate for Uploads {
    async fn locate(&mut self, file: &str) -> Result<String> {
        if Self::is_location(file) {
            return Ok(file.into());
        }
        if let Some(known) = self.sent.get(file) {
            return Ok(known.clone());
        }
        let location = upload(&mut self.client, Path::new(file)).await?;
        self.sent.insert(file.into(), location.clone());
        Ok(location)
    }

    /// A word that names no file is the name of a reference which the server keeps.
    async fn reference(&mut self, text: &str) -> Result<(String, Vec<String>)> {
        let is_name = is_name(text) && !Path::new(text).exists();
        if !is_name {
            return Ok((self.locate(text).await?, Vec::new()));
        }
        let found = reference::find(&mut self.references, text, "").await?;
        let fasta = reference::locations(&found, ReferenceRole::Fasta);
        let fasta = fasta.into_iter().next();
        let fasta = fasta.with_context(|| format!("reference {text} has no sequences"))?;
        Ok((
            fasta,
            reference::locations(&found, ReferenceRole::KnownSites),
        ))
    }
}

async fn upload(client: &mut GenomicsClient<Connection>, path: &Path) -> Result<String> {
    const CHUNK_BYTES: usize = 1 << 20;
    const CHUNKS_AHEAD: usize = 4;
    let shown = || path.display().to_string();
    let mut file = tokio::fs::File::open(path)
        .await
        .map_err(|error| ended(Exit::InvalidInput, format!("{}: {error}", shown())))?;
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .with_context(shown)?
        .to_owned();
    let (sender, receiver) = tokio::sync::mpsc::channel(CHUNKS_AHEAD);
    let header = Part::Header(UploadHeader {
        name,
        sha256: String::new(),
    });
    let reading = tokio::spawn(async move {
        let mut part = header;
        while sender
            .send(UploadReadsRequest { part: Some(part) })
            .await
            .is_ok()
        {
            let mut chunk = Vec::with_capacity(CHUNK_BYTES);
            if (&mut file)
                .take(CHUNK_BYTES as u64)
                .read_to_end(&mut chunk)
                .await?
                == 0
            {
                break;
            }
            part = Part::Chunk(chunk.into());
        }
        Ok::<(), std::io::Error>(())
    });
    let answer = client.upload_reads(ReceiverStream::new(receiver)).await;
    reading.await?.with_context(shown)?;
    Ok(answer.map_err(|status| refused(&status))?.into_inner().uri)
}
