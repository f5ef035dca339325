//! More than twenty parts of a long contig give the bytes of one run, wherever their edges lie: in
//! a gap without reads, under more reads than may start together, inside called deletions.

#[path = "support/parts.rs"]
mod support;

use caller::{EmitMode, Options, Scope};
use genome::cigar::{Cigar, CigarKind, CigarOp};
use genome::dictionary::{Contig, Dictionary};
use genome::record::{Flags, NewRecord, OwnedRecord, Records};
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use std::ops::Range;

const CONTIG_BP: u64 = 2_500_000;
const PART_BP: u64 = 110_000;
const SHIFT_BP: u64 = 43_210;
const GAP: Range<u64> = 900_000..2_050_000;
const READ_BP: u64 = 100;
const DELETED_BP: u64 = 30;
const READS_AT_EDGE: u64 = 40;
const READS_AT_START: u64 = 70;

struct World {
    dictionary: Dictionary,
    packed: Vec<u8>,
    records: Vec<OwnedRecord>,
}

/// SplitMix64 of a number.
fn mixed(number: u64) -> u64 {
    let mut bits = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

/// The first positions of all parts but the first.
fn edges(shift_bp: u64) -> Vec<u64> {
    let first = if shift_bp == 0 { PART_BP } else { shift_bp };
    (first..CONTIG_BP).step_by(PART_BP as usize).collect()
}

impl World {
    fn new() -> Self {
        let contig = Contig {
            name: "a".into(),
            length: CONTIG_BP,
        };
        let mut world = Self {
            dictionary: Dictionary::new(vec![contig]),
            packed: (0..CONTIG_BP.div_ceil(4))
                .map(|at| mixed(at) as u8)
                .collect(),
            records: Vec::new(),
        };
        let mut reads: Vec<(u64, Option<u64>)> = Vec::new();
        let all = edges(0).into_iter().chain(edges(SHIFT_BP));
        for edge in all.filter(|edge| !GAP.contains(edge)) {
            // Half of the edges lie within the deletion, the others on its first base.
            let deletion = edge - 1 - mixed(edge) % 2 * 12;
            for read in 0..READS_AT_EDGE {
                let start = deletion - 20 - mixed(edge + read) % 60;
                reads.push((start, (read % 2 == 0).then_some(deletion)));
            }
            reads.extend((0..READS_AT_START).map(|_| (edge + 300, None)));
        }
        reads.extend((0..3000).map(|read| (mixed(read) % (GAP.start - 400), None)));
        reads.sort_unstable();
        world.sequence(&reads);
        world
    }

    /// Makes a read of each start, with a deletion in some, one wrong base in others, and an SNV
    /// 350 bp after each edge.
    fn sequence(&mut self, reads: &[(u64, Option<u64>)]) {
        let reference = Reference::new(&self.dictionary, &self.packed, &[]);
        let mut records = Records::default();
        for (number, &(start, deletion)) in (0u64..).zip(reads) {
            let whole = Region::new(ContigId(0), start, start + READ_BP + DELETED_BP);
            let mut bases = reference.letters(whole);
            let mut cigar = vec![CigarOp::new(CigarKind::Match, READ_BP as u32)];
            if let Some(deletion) = deletion {
                let kept = (deletion + 1 - start) as usize;
                bases.drain(kept..kept + DELETED_BP as usize);
                cigar = around_deletion(kept as u32);
            }
            bases.truncate(READ_BP as usize);
            if deletion.is_none() && number % 2 == 0 {
                bases[50] = b"CGTA"[usize::from(bases[50] >> 1 & 3)];
            } else if number % 7 == 0 {
                bases[(number % READ_BP) as usize] = b'G';
            }
            let name = format!("read{number}");
            records.push(
                0,
                &NewRecord {
                    name: name.as_bytes(),
                    flags: Flags(if number % 3 == 0 { Flags::REVERSE } else { 0 }),
                    placed: Some((ContigId(0), start as u32)),
                    mapping_quality: 60,
                    cigar: &cigar,
                    mate: None,
                    template_length: 0,
                    bases: &bases,
                    qualities: &vec![25 + (number % 12) as u8; bases.len()],
                },
            );
        }
        self.records = records.iter().map(OwnedRecord::from).collect();
    }

    /// Calls the contig in parts that begin at `edges`.
    fn call(&self, edges: &[u64], emit: EmitMode) -> String {
        let reference = Reference::new(&self.dictionary, &self.packed, &[]);
        let whole = [Region::new(ContigId(0), 0, CONTIG_BP)];
        let options = Options {
            emit,
            ..Options::default()
        };
        let starts = std::iter::once(0).chain(edges.iter().copied());
        let ends = edges.iter().copied().chain([CONTIG_BP]);
        let stretches = starts
            .zip(ends)
            .map(|(start, end)| Region::new(ContigId(0), start, end));
        let scopes: Vec<Scope> = stretches.map(|one| Scope::new(&[one], &whole)).collect();
        support::text(&reference, &scopes, &self.records, &options).0
    }
}

fn around_deletion(kept: u32) -> Cigar {
    vec![
        CigarOp::new(CigarKind::Match, kept),
        CigarOp::new(CigarKind::Deletion, DELETED_BP as u32),
        CigarOp::new(CigarKind::Match, READ_BP as u32 - kept),
    ]
}

/// Counts the edges that lie inside a called deletion, and the other calls.
fn deletions_over(edges: &[u64], text: &str) -> (usize, usize) {
    let (mut over, mut others) = (0, 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let start = fields[1].parse::<u64>().unwrap() - 1;
        let end = start + fields[3].len() as u64;
        match edges.iter().any(|&edge| start < edge && edge < end) {
            true if fields[4] != "<NON_REF>" => over += 1,
            _ => others += usize::from(fields[4] != "<NON_REF>"),
        }
    }
    (over, others)
}

#[test]
fn parts_on_two_grids_give_the_bytes_of_one_run() {
    let world = World::new();
    for emit in [EmitMode::Variants, EmitMode::ReferenceConfidence] {
        let whole = world.call(&[], emit);
        for shift_bp in [0, SHIFT_BP] {
            let edges = edges(shift_bp);
            assert!(edges.len() >= 20);
            let (over, others) = deletions_over(&edges, &whole);
            assert!(over >= 10 && others >= 10, "{over} {others}");
            let parts = world.call(&edges, emit);
            for (part, whole) in parts.lines().zip(whole.lines()) {
                assert_eq!(part, whole, "{emit:?} shifted by {shift_bp}");
            }
            assert_eq!(parts.len(), whole.len());
        }
    }
}
