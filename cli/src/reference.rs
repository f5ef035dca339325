//! `spindle reference`: the references that a server keeps, by name.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Args as ClapArgs, Subcommand};
use proto::v1::references_client::ReferencesClient;
use proto::v1::{
    AddReferenceRequest, GetReferenceRequest, ListReferencesRequest, Reference, ReferenceRole,
    RemoveReferenceRequest,
};
use serde_json::json;

use crate::client::{Connection, ServerArgs};
use crate::exit::{Exit, ended, refused};
use crate::index;
use crate::request::Locate;
use crate::submit::Uploads;

/// Keeps references on a server, under a name that submissions use
#[derive(Debug, ClapArgs)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Add(AddArgs),
    List(ListArgs),
    Show(ShowArgs),
    Remove(RemoveArgs),
}

/// Adds a reference, or a new version of one
///
/// Files of this machine are sent to the server, with the index REF.fa.spindle, which is built
/// where it is missing; root:NAME/path and s3://BUCKET/key are read by the server itself.
#[derive(Debug, ClapArgs)]
struct AddArgs {
    /// Letters, digits, `_`, `-` and `.`
    name: String,
    /// FASTA, plain or gzip
    #[arg(value_name = "REF.fa")]
    fasta: String,
    /// VCF of sites known to vary, which genomes use that name none; may be given again
    #[arg(long, value_name = "VCF")]
    known_sites: Vec<String>,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists the latest version of each reference
#[derive(Debug, ClapArgs)]
struct ListArgs {
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Shows a reference and its files
#[derive(Debug, ClapArgs)]
struct ShowArgs {
    /// NAME, or NAME/VERSION
    name: String,
    #[command(flatten)]
    server: ServerArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Removes all versions of a reference; genomes that still use it fail
#[derive(Debug, ClapArgs)]
struct RemoveArgs {
    /// Its name
    name: String,
    #[command(flatten)]
    server: ServerArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// What the server answers.
pub async fn run(args: Args) -> Result<()> {
    match args.command {
        Command::Add(args) => add(args).await,
        Command::List(args) => list(&args).await,
        Command::Show(args) => show(&args).await,
        Command::Remove(args) => remove(&args).await,
    }
}

async fn add(args: AddArgs) -> Result<()> {
    let connection = args.server.connect().await?;
    let mut uploads = Uploads::new(connection.clone());
    let index = if Uploads::is_location(&args.fasta) {
        format!("{}.spindle", args.fasta)
    } else {
        built_index(&args.fasta).await?
    };
    let mut known_sites = Vec::new();
    for file in &args.known_sites {
        known_sites.push(uploads.locate(file).await?);
    }
    let request = AddReferenceRequest {
        name: args.name,
        fasta: uploads.locate(&args.fasta).await?,
        index: uploads.locate(&index).await?,
        known_sites,
    };
    let mut client = ReferencesClient::new(connection);
    let added = client.add_reference(request).await;
    let added = added.map_err(|status| refused(&status))?.into_inner();
    print(&added, args.json);
    Ok(())
}

/// Returns the index beside a FASTA file of this machine, built if it is missing.
async fn built_index(fasta: &str) -> Result<String> {
    let fasta = PathBuf::from(fasta);
    let path = index::index_path(&fasta);
    if !path.exists() {
        let args = index::Args {
            reference: fasta,
            memory: None,
            threads: 1,
        };
        let built = tokio::task::spawn_blocking(move || index::run(&args));
        built.await.context("the index broke down")??;
    }
    text(&path)
}

fn text(path: &Path) -> Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| {
        ended(
            Exit::Usage,
            format!("{}: not a usable path", path.display()),
        )
    })
}

async fn list(args: &ListArgs) -> Result<()> {
    let mut client = ReferencesClient::new(args.server.connect().await?);
    let listed = client.list_references(ListReferencesRequest {}).await;
    let listed = listed.map_err(|status| refused(&status))?.into_inner();
    for reference in &listed.references {
        if args.json {
            crate::stdout::say!("{}", as_json(reference));
        } else {
            crate::stdout::say!("{}", line(reference));
        }
    }
    Ok(())
}

async fn show(args: &ShowArgs) -> Result<()> {
    let mut client = ReferencesClient::new(args.server.connect().await?);
    let (name, version) = args.name.split_once('/').unwrap_or((&args.name, ""));
    let found = find(&mut client, name, version).await?;
    print(&found, args.json);
    Ok(())
}

async fn remove(args: &RemoveArgs) -> Result<()> {
    let mut client = ReferencesClient::new(args.server.connect().await?);
    let request = RemoveReferenceRequest {
        name: args.name.clone(),
    };
    let removed = client.remove_reference(request).await;
    let removed = removed.map_err(|status| refused(&status))?.into_inner();
    crate::stdout::say!("{}: {} versions removed", args.name, removed.versions);
    Ok(())
}

/// Asks the server for a reference.
///
/// # Errors
/// If there is none of that name and version.
pub async fn find(
    client: &mut ReferencesClient<Connection>,
    name: &str,
    version: &str,
) -> Result<Reference> {
    let request = GetReferenceRequest {
        name: name.to_owned(),
        version: version.to_owned(),
    };
    let found = client.get_reference(request).await;
    Ok(found.map_err(|status| refused(&status))?.into_inner())
}

/// Returns the locations of the files of a role.
pub fn locations(reference: &Reference, role: ReferenceRole) -> Vec<String> {
    let files = reference.files.iter();
    let of_role = files.filter(|file| file.role() == role);
    of_role.map(|file| file.location.clone()).collect()
}

fn print(reference: &Reference, as_lines_of_json: bool) {
    if as_lines_of_json {
        crate::stdout::say!("{}", as_json(reference));
        return;
    }
    crate::stdout::say!("{}", line(reference));
    crate::stdout::say!("sequences  {}", reference.sequences_sha256);
    for file in &reference.files {
        let bytes = crate::text::grouped(file.size_bytes);
        crate::stdout::say!("{}  {}  {bytes} bytes", file.sha256, file.location);
    }
}

fn line(reference: &Reference) -> String {
    let Reference {
        name,
        version,
        contigs,
        length_bp,
        ..
    } = reference;
    let length = crate::text::grouped(*length_bp);
    format!("{name}/{version}  {contigs} contigs, {length} bp")
}

fn as_json(reference: &Reference) -> serde_json::Value {
    let files = reference.files.iter().map(|file| {
        let role = file.role().as_str_name();
        json!({
            "role": role.trim_start_matches("REFERENCE_ROLE_").to_lowercase(),
            "name": file.name,
            "location": file.location,
            "size_bytes": file.size_bytes,
            "sha256": file.sha256,
        })
    });
    json!({
        "name": reference.name,
        "version": reference.version,
        "sequences_sha256": reference.sequences_sha256,
        "contigs": reference.contigs,
        "length_bp": reference.length_bp,
        "files": files.collect::<Vec<_>>(),
    })
}
