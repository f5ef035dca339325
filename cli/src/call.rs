//! `spindle call`: the caller as a tool, with the flags of GATK's HaplotypeCaller.

mod args;

use std::fs::File;

use aligner::Index;
use anyhow::{Context, Result};
use caller::{Options, Output};
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::monitor::Monitor;
use worker::formats::bam_stream::BamStream;
use worker::stage::call::failure;

use crate::exit::{Exit, ended};
use crate::index::index_path;
use crate::vcf_output::VcfOutput;

pub use args::Args;

/// Calls, and prints what was found.
///
/// # Errors
/// What is wrong with the options, the index or the reads; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.options();
    let checked = options.check();
    checked.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads);
    pool.build()?.install(|| call(args, &options))
}

fn call(args: &Args, options: &Options) -> Result<()> {
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
    out.write(caller::vcf::header(dictionary, &sample, options).as_bytes())?;
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
        options,
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
