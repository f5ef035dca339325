//! Local assembly: the sequences that the reads of a region support.
//!
//! Main path: for each k, reads are threaded through a graph of k-mers (`threading`), chains with
//! few reads are cut out (`prune`), loose branches joined (`dangling`); what is left is made
//! small (`sequence_graph`) and its best paths (`best_paths`) are the haplotypes.
//!
//! Source: GATK 4.6 `ReadThreadingAssembler`.

mod best_paths;
mod dangling;
mod graph;
mod kmers;
mod prune;
mod sequence_graph;
mod threading;

use crate::assembly_region::AssemblyRegion;
use crate::haplotype::Haplotype;
use crate::haplotype_alignment::align_to_reference;
use crate::options::Options;
use crate::reference_bases::ReferenceBases;
use crate::smith_waterman::{Aligner, Overhang};
use best_paths::{Path, best_paths};
use genome::cigar::{self, CigarKind, CigarOp};
use sequence_graph::SequenceGraph;
use threading::ThreadingGraph;

/// Added to k while no graph can be used.
const K_STEP: usize = 10;

/// How often k is raised; the last graph is used even if it repeats itself.
const MOST_STEPS: usize = 6;

/// Haplotypes that cover less of the reference are left out.
const SHORTEST_REFERENCE_BP: u64 = 30;

/// What became of a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    /// The reference has the same k-mer twice.
    RepeatedReference,
    /// The graph has a cycle.
    Cycle,
    /// Too many k-mers occur twice within a read.
    Repetitive,
    /// It shows nothing but the reference.
    Reference,
    /// It was used.
    Used,
}

impl Attempt {
    /// Returns the outcome in words.
    pub const fn text(self) -> &'static str {
        match self {
            Self::RepeatedReference => "not used, the reference repeats a k-mer",
            Self::Cycle => "not used, the graph has a cycle",
            Self::Repetitive => "not used, too many k-mers repeat within reads",
            Self::Reference => "shows the reference alone",
            Self::Used => "used",
        }
    }
}

/// Each k with what became of its graph.
type Attempts = Vec<(usize, Attempt)>;

/// The haplotypes of a region, and the graphs tried for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Assembly {
    /// The haplotypes, the reference among them.
    pub haplotypes: Vec<Haplotype>,
    /// Each k with what became of its graph.
    pub attempts: Vec<(usize, Attempt)>,
}

/// What became of one k.
enum Assembled {
    /// The graph cannot be used: a larger k may help.
    Refused(Attempt),
    /// Nothing but the reference.
    Reference,
    /// A graph with variation, or without.
    Graph(SequenceGraph),
}

/// Returns the haplotypes of a finalised region over its padded span, the reference among them.
///
/// `reference` holds the padded span. The reference comes after the haplotypes of the first graph
/// that gave any.
pub fn assemble(
    region: &AssemblyRegion,
    reference: &ReferenceBases,
    options: &Options,
    aligner: &mut Aligner,
) -> Assembly {
    let span = region.padded_span;
    let letters = reference.slice(span.start, span.end);
    let mut haplotypes: Vec<Haplotype> = Vec::new();
    let (found, attempts) = graphs(region, letters, options, aligner);
    for (k, graph) in found {
        for path in best_paths(&graph) {
            let is_known = |known: &Haplotype| known.bases == path.letters;
            if path.letters != letters && !haplotypes.iter().any(is_known) {
                haplotypes.extend(haplotype(path, k, letters, span.start, aligner));
            }
        }
        if !haplotypes.iter().any(|haplotype| haplotype.is_reference) {
            haplotypes.push(reference_haplotype(letters, span.start));
        }
    }
    if haplotypes.is_empty() {
        haplotypes.push(reference_haplotype(letters, span.start));
    }
    Assembly {
        haplotypes,
        attempts,
    }
}

/// Returns the usable graphs with their k: of the first two k, or else of the first larger one.
fn graphs(
    region: &AssemblyRegion,
    reference: &[u8],
    options: &Options,
    aligner: &mut Aligner,
) -> (Vec<(usize, SequenceGraph)>, Attempts) {
    let (mut found, mut attempts) = (Vec::new(), Vec::new());
    let mut is_refused = true;
    let mut attempt = |k: usize, is_last: bool, found: &mut Vec<_>| {
        let minimum_quality = options.minimum_base_quality;
        let assembled = graph_of(region, reference, (k, is_last, minimum_quality), aligner);
        let attempt = match assembled {
            Assembled::Refused(attempt) => attempt,
            Assembled::Reference => Attempt::Reference,
            Assembled::Graph(graph) => {
                found.push((k, graph));
                Attempt::Used
            }
        };
        attempts.push((k, attempt));
        matches!(attempt, Attempt::Reference | Attempt::Used)
    };
    for &k in &options.kmer_sizes {
        is_refused &= !attempt(k, false, &mut found);
    }
    let largest = options.kmer_sizes.iter().max().copied().unwrap_or(0);
    for step in 1..=MOST_STEPS {
        if !is_refused {
            break;
        }
        is_refused = !attempt(largest + step * K_STEP, step == MOST_STEPS, &mut found);
    }
    (found, attempts)
}

fn graph_of(
    region: &AssemblyRegion,
    reference: &[u8],
    (k, is_last, minimum_quality): (usize, bool, u8),
    aligner: &mut Aligner,
) -> Assembled {
    if reference.len() < k {
        return Assembled::Reference;
    }
    if !is_last && threading::repeats(reference, k) {
        return Assembled::Refused(Attempt::RepeatedReference);
    }
    let mut threading = ThreadingGraph::new(reference, &region.reads, k, minimum_quality);
    prune::prune(&mut threading);
    if threading.graph.has_cycle() {
        return Assembled::Refused(Attempt::Cycle);
    }
    if !is_last && threading.is_repetitive() {
        return Assembled::Refused(Attempt::Repetitive);
    }
    dangling::recover_tails(&mut threading, aligner);
    dangling::recover_heads(&mut threading, aligner);
    sequence_graph::keep_paths(&mut threading.graph);
    match sequence_graph::simplified(&threading) {
        Some(graph) => Assembled::Graph(graph),
        None => Assembled::Reference,
    }
}

/// Makes a haplotype of a path, if it can be aligned to the whole reference.
fn haplotype(
    path: Path,
    k: usize,
    reference: &[u8],
    start: u64,
    aligner: &mut Aligner,
) -> Option<Haplotype> {
    let cigar = align_to_reference(reference, &path.letters, Overhang::SoftClip, aligner)?;
    let span = cigar::reference_span(cigar.iter().copied());
    let fits = span >= SHORTEST_REFERENCE_BP && span == reference.len() as u64;
    fits.then(|| Haplotype {
        bases: path.letters,
        cigar,
        start,
        is_reference: false,
        score: path.score,
        kmer_size: k,
        events: Vec::new(),
    })
}

fn reference_haplotype(letters: &[u8], start: u64) -> Haplotype {
    Haplotype {
        bases: letters.to_vec(),
        cigar: vec![CigarOp::new(CigarKind::Match, letters.len() as u32)],
        start,
        is_reference: true,
        score: f64::NEG_INFINITY,
        kmer_size: 0,
        events: Vec::new(),
    }
}
