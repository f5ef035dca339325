//! Which stages a workflow has, what each waits for, and how many tasks it starts with.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::ids::Sha256;
use common::task::{InputStamp, Stage};
use common::workflow::{GenomeSpec, Work};

/// What admission fixed: everything but the number of read batches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Number of lanes.
    pub lanes: u32,
    /// Number of partitions, that of the unplaced reads included.
    pub partitions: u32,
    /// The needed stages, in order.
    pub stages: Vec<Stage>,
    /// The inputs as admission saw them.
    pub inputs: Arc<[InputStamp]>,
    /// What the client should know.
    pub warnings: Vec<String>,
    /// Number of no-op tasks.
    pub probe_tasks: u32,
    /// Digest of the reference's sequences; `None` until the index is made.
    pub reference_digest: Option<Sha256>,
    /// The output version of each stage that this workflow is pinned to.
    pub output_versions: BTreeMap<Stage, u32>,
    /// Of a million tasks so many run twice, and their outputs are compared.
    pub audited_ppm: u32,
    /// What its results may be known by; `None`: they are neither kept nor looked for.
    pub input_digests: Option<InputDigests>,
}

/// Digests of the inputs beside the reads, which `split` digests.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InputDigests {
    /// Of the head of the reference's index; `None`: the index is made first.
    pub index: Option<Sha256>,
    /// Of each file of known sites and what is beside it, in order.
    pub known_sites: Vec<Sha256>,
    /// Of each BED file, in order.
    pub intervals: Vec<Sha256>,
}

/// What admission found out about the inputs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// Number of partitions, that of the unplaced reads included: at least 1.
    pub partitions: u32,
    /// Whether the reference's index has to be made.
    pub index_missing: bool,
    /// The inputs as admission saw them.
    pub inputs: Vec<InputStamp>,
    /// Digest of the reference's sequences, if known.
    pub reference_digest: Option<Sha256>,
    /// What the client should know, found on the way.
    pub warnings: Vec<String>,
    /// What its results may be known by, if they are to be.
    pub input_digests: Option<InputDigests>,
}

/// Plans a workflow.
pub fn plan(work: &Work, findings: Findings) -> Plan {
    let (lanes, probe_tasks) = match work {
        Work::Genome(genome) => (genome.lanes.len() as u32, 0),
        Work::Probe { tasks } => (0, *tasks),
    };
    let stages = stages(work, findings.index_missing);
    let mut warnings = findings.warnings;
    warnings.extend(warning(work));
    let output_versions = stages
        .iter()
        .map(|stage| (*stage, stage.output_version()))
        .collect();
    Plan {
        lanes,
        partitions: findings.partitions,
        stages,
        inputs: findings.inputs.into(),
        warnings,
        probe_tasks,
        reference_digest: findings.reference_digest,
        output_versions,
        audited_ppm: 0,
        input_digests: findings.input_digests,
    }
}

/// Returns the stages that what is asked for needs, in order.
pub fn stages(work: &Work, index_missing: bool) -> Vec<Stage> {
    let Work::Genome(genome) = work else {
        return vec![Stage::Probe];
    };
    let needed = |stage: &Stage| match stage {
        Stage::Index => index_missing,
        Stage::Recalibrate => recalibrates(genome),
        Stage::Call => genome.outputs.any_calls() || genome.rewrites_bam(),
        Stage::Probe => false,
        Stage::Split | Stage::Align | Stage::Duplicates | Stage::Merge | Stage::Gather => true,
    };
    Stage::ALL.into_iter().filter(needed).collect()
}

/// Returns the stages that must be closed before a task of this one may start. A stage that the
/// plan has not is passed over.
pub const fn dependencies(stage: Stage) -> &'static [Stage] {
    match stage {
        Stage::Index | Stage::Split | Stage::Probe => &[],
        Stage::Align => &[Stage::Index],
        Stage::Duplicates => &[Stage::Align],
        Stage::Merge => &[Stage::Align, Stage::Duplicates],
        Stage::Recalibrate => &[Stage::Merge],
        Stage::Call => &[Stage::Merge, Stage::Recalibrate],
        Stage::Gather => &[Stage::Merge, Stage::Recalibrate, Stage::Call],
    }
}

/// Returns how many tasks a stage of the plan starts with; `align` grows as `split` commits.
pub fn first_tasks(plan: &Plan, stage: Stage) -> u32 {
    match stage {
        Stage::Index | Stage::Recalibrate | Stage::Gather => 1,
        Stage::Split => plan.lanes,
        Stage::Align => 0,
        Stage::Duplicates | Stage::Merge => plan.partitions,
        Stage::Call => plan.partitions.saturating_sub(1),
        Stage::Probe => plan.probe_tasks,
    }
}

fn recalibrates(genome: &GenomeSpec) -> bool {
    let wanted = genome.outputs.any_calls() || genome.recalibrated_qualities;
    wanted && !genome.known_sites.is_empty()
}

fn warning(work: &Work) -> Option<String> {
    let Work::Genome(genome) = work else {
        return None;
    };
    let wanted = genome.outputs.any_calls() || genome.recalibrated_qualities;
    let without = wanted && genome.known_sites.is_empty();
    without.then(|| "no known sites: base qualities are not recalibrated".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::tests::world::genome_spec;

    /// The stages that a change of the ordinary genome needs, in letters.
    fn letters(change: fn(&mut GenomeSpec), index_missing: bool) -> String {
        let Work::Genome(mut genome) = genome_spec().work else {
            panic!("not a genome");
        };
        change(&mut genome);
        let stages = stages(&Work::Genome(genome), index_missing);
        stages.iter().map(|stage| &stage.name()[..1]).collect()
    }

    #[test]
    fn only_needed_stages_are_planned() {
        assert_eq!(letters(|_| {}, true), "isadmrcg");
        assert_eq!(letters(|_| {}, false), "sadmrcg");
        assert_eq!(
            letters(|genome| genome.known_sites.clear(), false),
            "sadmcg"
        );
        assert_eq!(letters(|genome| genome.outputs.vcf = false, false), "sadmg");
        let recalibrated = |genome: &mut GenomeSpec| {
            genome.outputs.vcf = false;
            genome.recalibrated_qualities = true;
        };
        assert_eq!(letters(recalibrated, false), "sadmrcg");
        let without_sites = |genome: &mut GenomeSpec| {
            genome.outputs.vcf = false;
            genome.recalibrated_qualities = true;
            genome.known_sites.clear();
        };
        assert_eq!(letters(without_sites, false), "sadmg");
        assert_eq!(stages(&Work::Probe { tasks: 3 }, true), [Stage::Probe]);
    }

    #[test]
    fn missing_known_sites_are_a_warning_only_where_they_matter() {
        let Work::Genome(mut genome) = genome_spec().work else {
            panic!("not a genome");
        };
        genome.known_sites.clear();
        let warnings = |genome: &GenomeSpec| {
            let work = Work::Genome(Box::new(genome.clone()));
            plan(&work, Findings::default()).warnings.len()
        };
        assert_eq!(warnings(&genome), 1);
        genome.outputs.vcf = false;
        assert_eq!(warnings(&genome), 0);
    }

    #[test]
    fn a_stage_waits_only_for_earlier_ones() {
        for stage in Stage::ALL {
            assert!(dependencies(stage).iter().all(|before| *before < stage));
        }
    }
}
