//! `spindle call`: the caller as a tool, with the flags of GATK's HaplotypeCaller.

use std::fs::File;
use std::path::PathBuf;

use aligner::Index;
use anyhow::{Context, Result};
use caller::{EmitMode, Options, Output, Scope};
use clap::{Args as ClapArgs, ValueEnum};
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::monitor::Monitor;
use worker::formats::bam_stream::BamStream;
use worker::stage::call::failure;

use crate::exit::{Exit, ended};
use crate::index::index_path;
use crate::intervals;
use crate::vcf_output::VcfOutput;

/// Calls the variants of one sample, with the flags of GATK's HaplotypeCaller
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// Reference FASTA with its index REF.spindle beside it
    #[arg(short = 'R', long, value_name = "FASTA")]
    reference: PathBuf,
    /// Reads: one BAM file, sorted by position, of one sample
    #[arg(short = 'I', long, value_name = "BAM")]
    input: PathBuf,
    /// Output: a VCF; compressed and indexed if it ends in .gz
    #[arg(short = 'O', long, value_name = "VCF")]
    output: PathBuf,
    /// What to write where there is no variant
    #[arg(long, visible_alias = "ERC", value_enum, default_value_t)]
    emit_ref_confidence: EmitRefConfidence,
    /// Call here only: contig, contig:start-end or a BED file; may be repeated
    #[arg(short = 'L', long, value_name = "INTERVAL")]
    intervals: Vec<String>,
    /// Widens each interval on both sides
    #[arg(long, visible_alias = "ip", value_name = "BP", default_value_t = 0)]
    interval_padding: u64,
    /// Copies of each contig; only 2 is supported
    #[arg(long, visible_alias = "ploidy", default_value_t = 2)]
    sample_ploidy: u8,
    /// Variants of lower QUAL are not written
    #[arg(long, visible_alias = "stand-call-conf", default_value_t = 30.0)]
    standard_min_confidence_threshold_for_calling: f64,
    /// Reads of lower mapping quality are left out
    #[arg(long, default_value_t = 20)]
    minimum_mapping_quality: u8,
    /// Bases of lower quality are left out
    #[arg(long, visible_alias = "mbq", default_value_t = 10)]
    min_base_quality_score: u8,
    /// Most reads that may start at one position
    #[arg(long, default_value_t = 50)]
    max_reads_per_alignment_start: usize,
}

/// What to write where there is no variant.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum EmitRefConfidence {
    /// Nothing: a VCF
    #[default]
    #[value(name = "NONE")]
    None,
    /// Blocks of reference confidence: a gVCF
    #[value(name = "GVCF")]
    Gvcf,
}

impl Args {
    fn options(&self) -> Options {
        Options {
            emit: match self.emit_ref_confidence {
                EmitRefConfidence::None => EmitMode::Variants,
                EmitRefConfidence::Gvcf => EmitMode::ReferenceConfidence,
            },
            ploidy: self.sample_ploidy,
            call_confidence: self.standard_min_confidence_threshold_for_calling,
            minimum_mapping_quality: self.minimum_mapping_quality,
            minimum_base_quality: self.min_base_quality_score,
            reads_per_start: self.max_reads_per_alignment_start,
            ..Options::default()
        }
    }

    fn scope(&self, dictionary: &Dictionary) -> Result<Scope> {
        let whole = Scope::whole(dictionary);
        if self.intervals.is_empty() {
            return Ok(whole);
        }
        let asked = intervals::regions(&self.intervals, self.interval_padding, dictionary)?;
        Ok(Scope::new(whole.own(), &asked))
    }
}

/// Calls, and prints what was found.
///
/// # Errors
/// What is wrong with the options, the index or the reads; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.options();
    let checked = options.check();
    checked.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let path = index_path(&args.reference);
    let index = Index::open(&path).with_context(|| path.display().to_string())?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let scope = args.scope(dictionary)?;
    let input = args.input.display().to_string();
    let file = File::open(&args.input)
        .map_err(|error| Failure::input(&input, format!("cannot be opened: {error}")))?;
    let records = BamStream::open(Box::new(file), &input, dictionary).map_err(Failure::from)?;
    let sample = sample(&records, &input)?;
    let mut out = VcfOutput::create(&args.output, dictionary)?;
    out.write(caller::vcf::header(dictionary, &sample, &options).as_bytes())?;
    let mut text = Vec::new();
    let sink = |output: Output| {
        text.clear();
        match output {
            Output::Call(call) => caller::vcf::write_call(dictionary, &call, &mut text),
            Output::Block(block) => caller::vcf::write_block(dictionary, &block, &mut text),
        }
        out.write(&text)
    };
    let summary = caller::call(
        &reference,
        &scope,
        records.map(|record| record.map_err(Failure::from)),
        &options,
        &Monitor::default(),
        sink,
    );
    let summary = summary.map_err(failure)?;
    out.finish(&args.output)?;
    crate::stdout::say!(
        "{} variants: {} SNVs, {} indels; {} transitions, {} transversions",
        summary.variants,
        summary.snvs,
        summary.indels,
        summary.transitions,
        summary.transversions
    );
    Ok(())
}

fn sample(records: &BamStream, input: &str) -> Result<String, Failure> {
    match records.samples() {
        [sample] => Ok(sample.clone()),
        [] => Err(Failure::input(input, "no read group names a sample")),
        [first, second, ..] => {
            let message = format!("several samples, {first} and {second}: one is needed");
            Err(Failure::input(input, message))
        }
    }
}
