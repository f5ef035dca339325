//! From flags or a batch file to the request that travels.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use object_store::s3::Address;
use proto::v1::{self, lane::Reads, workflow_spec::Work};
use serde::Deserialize;

use crate::genome_args::{Emit, GenomeArgs, LaneReads};

/// Turns what a person wrote for a file into a location that the server knows.
pub trait Locate {
    /// Returns `root:…` or `upload:…` for a file.
    async fn locate(&mut self, file: &str) -> Result<String>;

    /// Returns the location of a reference, and those of the known sites that come with it.
    async fn reference(&mut self, text: &str) -> Result<(String, Vec<String>)> {
        Ok((self.locate(text).await?, Vec::new()))
    }
}

/// Name of the root `/` of a server in this process.
pub const LOCAL_ROOT: &str = "local";

/// Every path as a file under the root `local`: for a server in this process.
pub struct LocalRoot;

impl Locate for LocalRoot {
    async fn locate(&mut self, file: &str) -> Result<String> {
        if Address::is_meant(file) {
            return Ok(file.into());
        }
        let path = std::path::absolute(file).with_context(|| format!("{file}: not a path"))?;
        local(&path)
    }
}

/// Returns the location of an absolute path under the root `local`.
///
/// # Errors
/// If the path is not UTF-8 or has `..` in it.
pub fn local(path: &Path) -> Result<String> {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(clean.pop()),
            std::path::Component::Normal(word) => clean.push(word),
            _ => {}
        }
    }
    match clean.to_str().map(|text| text.trim_start_matches('/')) {
        Some(text) if !text.is_empty() => Ok(format!("root:{LOCAL_ROOT}/{text}")),
        _ => bail!("{}: not a usable path", path.display()),
    }
}

/// Makes the request of one genome; `output_prefix` is a location or empty.
///
/// # Errors
/// If a file cannot be located.
pub async fn workflow(
    args: &GenomeArgs,
    output_prefix: String,
    locate: &mut impl Locate,
) -> Result<v1::WorkflowSpec> {
    let mut lanes = Vec::new();
    for (index, reads) in args.lanes.reads.iter().enumerate() {
        let read_group = args
            .lanes
            .read_groups
            .get(index)
            .cloned()
            .unwrap_or_default();
        lanes.push(v1::Lane {
            read_group,
            reads: Some(lane(reads, locate).await?),
        });
    }
    let (reference, mut known_sites) = locate.reference(&args.reference).await?;
    if !args.known_sites.is_empty() {
        known_sites.clear();
    }
    for file in &args.known_sites {
        known_sites.push(locate.locate(file).await?);
    }
    let mut intervals = Vec::new();
    for interval in &args.intervals {
        intervals.push(self::interval(interval, locate).await?);
    }
    let genome = v1::Genome {
        sample: args.sample.clone(),
        lanes,
        reference,
        known_sites,
        outputs: args
            .emit
            .iter()
            .map(|emit| output_kind(*emit).into())
            .collect(),
        intervals,
        interval_padding_bp: args.interval_padding,
        output_prefix,
        overwrite: args.overwrite,
        recalibrated_qualities: args.recalibrated_qualities,
        tuning: Some(v1::Tuning {
            read_batch_bp: args.read_batch_bp,
            partition_bp: args.partition_bp,
        }),
        s3_login: None,
        sealed_s3_login: Vec::new(),
    };
    Ok(v1::WorkflowSpec {
        priority: args.priority,
        description: String::new(),
        work: Some(Work::Genome(genome)),
        no_cache: false,
    })
}

/// A login to S3, as a file says it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoginFile {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: String,
    #[serde(default)]
    endpoint_url: String,
    #[serde(default)]
    region: String,
}

/// Gives all genomes the login of a file.
///
/// # Errors
/// If the file cannot be read or says something else.
pub fn with_login(workflows: &mut [v1::WorkflowSpec], file: &Path) -> Result<()> {
    let login = login(file)?;
    for workflow in workflows {
        if let Some(Work::Genome(genome)) = &mut workflow.work {
            genome.s3_login = Some(login.clone());
        }
    }
    Ok(())
}

/// Reads a login.
///
/// # Errors
/// If the file cannot be read or says something else.
pub fn login(file: &Path) -> Result<v1::S3Login> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    // What a parser says could show a piece of the secret.
    let Ok(read) = serde_yaml_ng::from_str::<LoginFile>(&text) else {
        bail!(
            "{}: not a login: access_key_id and secret_access_key are needed",
            file.display()
        );
    };
    Ok(v1::S3Login {
        access_key_id: read.access_key_id,
        secret_access_key: read.secret_access_key,
        session_token: read.session_token,
        endpoint_url: read.endpoint_url,
        region: read.region,
    })
}

async fn lane(reads: &LaneReads, locate: &mut impl Locate) -> Result<Reads> {
    let fastq = |reads1, reads2, interleaved| {
        Reads::Fastq(v1::FastqFiles {
            reads1,
            reads2,
            interleaved,
        })
    };
    Ok(match reads {
        LaneReads::Fastq(files) => {
            let first = locate.locate(&files[0]).await?;
            let second = match files.get(1) {
                Some(file) => locate.locate(file).await?,
                None => String::new(),
            };
            fastq(first, second, false)
        }
        LaneReads::Interleaved(file) => fastq(locate.locate(file).await?, String::new(), true),
        LaneReads::Bam(file) => Reads::Bam(locate.locate(file).await?),
    })
}

/// Intervals that end in `.bed` or `.bed.gz` are files; others travel as they are.
async fn interval(text: &str, locate: &mut impl Locate) -> Result<String> {
    let is_bed = [".bed", ".bed.gz"]
        .iter()
        .any(|ending| text.ends_with(ending));
    if is_bed {
        locate.locate(text).await
    } else {
        Ok(text.to_owned())
    }
}

const fn output_kind(emit: Emit) -> v1::OutputKind {
    match emit {
        Emit::Bam => v1::OutputKind::Bam,
        Emit::Vcf => v1::OutputKind::Vcf,
        Emit::Gvcf => v1::OutputKind::Gvcf,
    }
}

/// A batch file: many genomes in YAML.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchFile {
    /// The genomes.
    pub workflows: Vec<BatchEntry>,
}

/// One genome of a batch file; the keys are the long flags of `run`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchEntry {
    sample: String,
    reference: String,
    #[serde(default)]
    reads: Vec<BatchReads>,
    #[serde(default)]
    read_groups: Vec<String>,
    #[serde(default)]
    known_sites: Vec<String>,
    #[serde(default = "default_emit")]
    emit: Vec<String>,
    #[serde(default)]
    intervals: Vec<String>,
    #[serde(default)]
    interval_padding: u32,
    #[serde(default)]
    recalibrated_qualities: bool,
    #[serde(default)]
    overwrite: bool,
    #[serde(default = "default_priority")]
    priority: u32,
    /// `root:NAME/dir`; empty: the outputs stay with the server.
    #[serde(default)]
    pub out: String,
}

/// The reads of a lane: a list of one or two FASTQ files, or a named form.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum BatchReads {
    Fastq(Vec<String>),
    Interleaved { interleaved: String },
    Bam { bam: String },
}

fn default_emit() -> Vec<String> {
    vec!["bam".into(), "vcf".into()]
}

const fn default_priority() -> u32 {
    3
}

impl BatchFile {
    /// Reads a batch file.
    ///
    /// # Errors
    /// If it cannot be read or is not what the documentation says.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{}: cannot be read", path.display()))?;
        serde_yaml_ng::from_str(&text).with_context(|| format!("{}: not a batch", path.display()))
    }
}

impl BatchEntry {
    /// Returns the genome as flags.
    ///
    /// # Errors
    /// If a value is not one that a flag takes.
    pub fn args(&self) -> Result<GenomeArgs> {
        let emit = self.emit.iter().map(|word| {
            clap::ValueEnum::from_str(word, true)
                .map_err(|_| anyhow::anyhow!("sample {}: cannot emit {word:?}", self.sample))
        });
        if self.reads.is_empty() {
            bail!("sample {}: no reads", self.sample);
        }
        let lane = |reads: &BatchReads| match reads {
            BatchReads::Fastq(files) if (1..=2).contains(&files.len()) => {
                Ok(LaneReads::Fastq(files.clone()))
            }
            BatchReads::Fastq(files) => {
                bail!(
                    "sample {}: a lane has {} FASTQ files",
                    self.sample,
                    files.len()
                )
            }
            BatchReads::Interleaved { interleaved } => {
                Ok(LaneReads::Interleaved(interleaved.clone()))
            }
            BatchReads::Bam { bam } => Ok(LaneReads::Bam(bam.clone())),
        };
        Ok(GenomeArgs {
            reference: self.reference.clone(),
            sample: self.sample.clone(),
            lanes: crate::genome_args::Lanes {
                reads: self.reads.iter().map(lane).collect::<Result<_>>()?,
                read_groups: self.read_groups.clone(),
            },
            known_sites: self.known_sites.clone(),
            emit: emit.collect::<Result<_>>()?,
            intervals: self.intervals.clone(),
            interval_padding: self.interval_padding,
            recalibrated_qualities: self.recalibrated_qualities,
            overwrite: self.overwrite,
            priority: self.priority,
            read_batch_bp: 0,
            partition_bp: 0,
        })
    }
}
