//! `spindle call`: the caller as a tool, with the flags of GATK's HaplotypeCaller.

mod annotations;
mod args;
mod inputs;
mod known;
mod realigned;
mod sites;

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use caller::{Options, Output};
use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::interval;
use genome::monitor::Monitor;
use genome::reference::Reference;
use worker::stage::call::failure;

use crate::exit::{Exit, ended};
use crate::index;
use crate::vcf_output::VcfOutput;
use inputs::Inputs;
use known::KnownVariants;
use realigned::RealignedOutput;

pub use args::Args;

/// Calls, and prints what was found.
///
/// # Errors
/// What is wrong with the options, the index or the reads; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.options()?;
    let checked = options.check();
    checked.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads);
    pool.build()?.install(|| call(args, options))
}

fn call(args: &Args, mut options: Options) -> Result<()> {
    let index = index::open(&args.reference)?;
    let reference = index.reference();
    let dictionary = reference.dictionary();
    let scope = args.scope(dictionary)?;
    options.forced = Arc::new(args.forced(dictionary)?);
    let inputs = Inputs::open(&args.inputs, dictionary, options.is_gvcf())?;
    if let Some(place) = &args.explain {
        return explain(place, args, (&reference, &options), inputs);
    }
    let mut outputs = Outputs::create(args, dictionary, &options, &inputs)?;
    let summary = caller::call(
        &reference,
        &scope,
        inputs,
        &options,
        &Monitor::default(),
        |output| outputs.write(output),
    );
    let summary = summary.map_err(failure)?;
    outputs.finish()?;
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

/// Prints why a position is called, or why not.
fn explain(
    place: &str,
    args: &Args,
    (reference, options): (&Reference<'_>, &Options),
    inputs: Inputs,
) -> Result<()> {
    let dictionary = reference.dictionary();
    let region = interval::parse_text(place, dictionary);
    let region = region.map_err(|error| Failure::input(place, error.to_string()))?;
    if region.len() != 1 {
        return Err(ended(Exit::Usage, format!("{place} is not one position")));
    }
    let place = (region.contig, region.start);
    let asked = args.asked(dictionary)?;
    let explained = caller::explain::explain(reference, place, &asked, inputs, options);
    let text = explained.map_err(failure)?.to_string();
    for line in text.lines() {
        crate::stdout::say!("{line}");
    }
    Ok(())
}

/// Where calls go, and what is added to them on their way.
struct Outputs<'a> {
    dictionary: &'a Dictionary,
    path: &'a Path,
    variants: VcfOutput,
    realigned: Option<RealignedOutput<'a>>,
    known: Option<KnownVariants<'a>>,
    text: Vec<u8>,
}

impl<'a> Outputs<'a> {
    fn create(
        args: &'a Args,
        dictionary: &'a Dictionary,
        options: &Options,
        inputs: &Inputs,
    ) -> Result<Self> {
        let known = args.dbsnp.as_deref();
        let known = known.map(|path| KnownVariants::open(path, dictionary));
        let groups = inputs.read_group_lines();
        let realigned = args.bam_output.as_deref();
        let realigned = realigned.map(|path| RealignedOutput::create(path, dictionary, &groups));
        let path = args.output.as_deref().context("--output is needed")?;
        let mut variants = VcfOutput::create(path, dictionary)?;
        variants.write(caller::vcf::header(dictionary, inputs.sample(), options).as_bytes())?;
        Ok(Self {
            dictionary,
            path,
            variants,
            realigned: realigned.transpose()?,
            known: known.transpose()?,
            text: Vec::new(),
        })
    }

    fn write(&mut self, output: Output) -> Result<(), Failure> {
        let (dictionary, text) = (self.dictionary, &mut self.text);
        text.clear();
        match output {
            Output::Call(mut call) => {
                if let Some(known) = &mut self.known {
                    known.name(&mut call)?;
                }
                caller::vcf::write_call(dictionary, &call, text);
            }
            Output::Block(block) => caller::vcf::write_block(dictionary, &block, text),
            Output::Position(contig, position) => {
                caller::vcf::write_position(dictionary, contig, &position, text);
            }
            Output::Realigned(region) => {
                if let Some(realigned) = &mut self.realigned {
                    realigned.add(&region)?;
                }
            }
        }
        self.variants.write(text)
    }

    fn finish(self) -> Result<()> {
        if let Some(realigned) = self.realigned {
            realigned.finish()?;
        }
        self.variants.finish(self.path)
    }
}
