//! `spindle genotype`: joint calling, as GATK's CombineGVCFs and GenotypeGVCFs.

mod input;

use std::path::PathBuf;

use anyhow::Result;
use caller::Options;
use caller::joint::{Cohort, JointError};
use caller::random::{GATK_SEED, JavaRandom};
use clap::Args as ClapArgs;
use common::failure::Failure;

use crate::exit::{Exit, ended};
use crate::vcf_output::VcfOutput;
use input::Gvcf;

/// Genotypes many samples together, from their gVCFs
#[derive(Debug, ClapArgs)]
pub struct Args {
    /// The gVCF of one sample, plain or BGZF; one for each sample
    #[arg(short = 'V', long = "variant", value_name = "GVCF", required = true)]
    inputs: Vec<PathBuf>,
    /// Output: a VCF, its samples by name; compressed and indexed if it ends in .gz
    #[arg(short = 'O', long, value_name = "VCF")]
    output: PathBuf,
    /// Variants of lower QUAL are not written
    #[arg(long, visible_alias = "stand-call-conf", default_value_t = 30.0)]
    standard_min_confidence_threshold_for_calling: f64,
    /// Most alternate alleles of a record
    #[arg(long, default_value_t = 6)]
    max_alternate_alleles: usize,
    /// Draws saturated QD from one running generator, as GATK does, instead of by place
    #[arg(long)]
    gatk_random: bool,
}

impl Args {
    fn options(&self) -> Options {
        Options {
            call_confidence: self.standard_min_confidence_threshold_for_calling,
            maximum_alternates: self.max_alternate_alleles,
            ..Options::default()
        }
    }
}

/// Genotypes, and prints how many sites vary.
///
/// # Errors
/// What is wrong with the options or the inputs; what the output answers.
pub fn run(args: &Args) -> Result<()> {
    let options = args.options();
    let checked = options.check();
    checked.map_err(|error| ended(Exit::Usage, error.to_string()))?;
    let opened: Result<Vec<Gvcf>, Failure> =
        args.inputs.iter().map(|path| Gvcf::open(path)).collect();
    let mut inputs = opened?;
    let dictionary = input::shared_dictionary(&inputs)?;
    let columns = input::by_sample(&inputs)?;
    let (numeric_keys, carried) = input::numeric_fields(&inputs);
    let samples: Vec<&str> = columns
        .iter()
        .map(|&number| inputs[number].sample.as_str())
        .collect();
    let mut out = VcfOutput::create(&args.output, &dictionary)?;
    let header = caller::vcf::cohort_header(&dictionary, &samples, &carried);
    out.write(header.as_bytes())?;
    let cohort = Cohort {
        dictionary: &dictionary,
        options: &options,
        numeric_keys: &numeric_keys,
        columns: &columns,
    };
    let random = args.gatk_random.then(|| JavaRandom::new(GATK_SEED));
    let records = inputs
        .iter_mut()
        .map(|input| input.records(&dictionary))
        .collect();
    let sites = cohort.genotype(records, random, |line| out.write(line));
    let sites = sites.map_err(|error| failure(error, &args.inputs))?;
    out.finish(&args.output)?;
    crate::stdout::say!("{sites} variant sites in {} samples", columns.len());
    Ok(())
}

fn failure(error: JointError<Failure>, inputs: &[PathBuf]) -> Failure {
    match error {
        JointError::Stream(failure) => failure,
        JointError::Unsorted { input, .. } => {
            Failure::input(inputs[input].display().to_string(), error.to_string())
        }
    }
}
