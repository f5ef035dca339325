//! Which alternate alleles of a position have support enough to be looked at.

use super::Column;
use crate::indel::{Change, Letters, Tract, tract};
use crate::options::Options;
use crate::read::AlignedRead;
use genome::base;

/// Fewer reads than this are no support.
const LEAST_SUPPORT: usize = 2;

/// A smaller share of the reads is no support: errors pile up where the depth is great.
const LEAST_SNV_SHARE: f64 = 0.10;
const LEAST_INDEL_SHARE: f64 = 0.12;

/// A read tells an indel's absence only if it reaches so far beyond the tract on both sides.
const FLANK_BP: u64 = 4;

/// An alternate allele.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Allele {
    /// Another base, by its code.
    Base(u8),
    /// An indel, with the tract of its equal placements.
    Indel(Change, Tract),
}

/// The supported alternate alleles of a position, the best supported first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Candidates {
    /// The alleles.
    pub alleles: Vec<Allele>,
}

impl Candidates {
    /// Finds the alleles that the column supports.
    pub fn find(column: &Column<'_>, letters: &impl Letters, options: &Options) -> Self {
        let reference = base::code(letters.letter(column.position));
        if reference == base::AMBIGUOUS {
            return Self::default();
        }
        let mut supported = bases(column, reference, options);
        supported.extend(indels(column, letters));
        supported.sort_by_key(|&(support, _)| std::cmp::Reverse(support));
        supported.truncate(options.maximum_alternates);
        Self {
            alleles: supported.into_iter().map(|(_, allele)| allele).collect(),
        }
    }
}

fn bases(column: &Column<'_>, reference: u8, options: &Options) -> Vec<(usize, Allele)> {
    let mut counts = [0usize; 4];
    for read in column.iter() {
        let cell = read.cell(column.position);
        if cell.code < 4 && cell.quality >= options.minimum_base_quality {
            counts[usize::from(cell.code)] += 1;
        }
    }
    let total: usize = counts.iter().sum();
    (0..4u8)
        .map(|code| (counts[usize::from(code)], code))
        .filter(|&(count, code)| code != reference && is_enough(count, total, LEAST_SNV_SHARE))
        .map(|(count, code)| (count, Allele::Base(code)))
        .collect()
}

fn indels(column: &Column<'_>, letters: &impl Letters) -> Vec<(usize, Allele)> {
    let mut changes: Vec<&Change> = column
        .iter()
        .filter_map(|read| read.indel_at(column.position))
        .filter(|indel| indel.is_complete)
        .map(|indel| &indel.change)
        .collect();
    changes.sort_unstable();
    let mut supported = Vec::new();
    for group in changes.chunk_by(|a, b| a == b) {
        let tract = tract(letters, column.position, group[0]);
        let telling = column
            .iter()
            .filter(|read| spans(read, column.position, &tract));
        let total = telling.count() + group.len();
        if is_enough(group.len(), total, LEAST_INDEL_SHARE) {
            supported.push((group.len(), Allele::Indel(group[0].clone(), tract)));
        }
    }
    supported
}

fn is_enough(count: usize, total: usize, share: f64) -> bool {
    count >= LEAST_SUPPORT && count as f64 >= share * total as f64
}

/// Says whether a read reaches beyond a tract on both sides and shows no indel within.
pub fn spans(read: &AlignedRead, anchor: u64, tract: &Tract) -> bool {
    let within = anchor..=tract.end;
    read.start + FLANK_BP <= anchor + 1
        && read.end() >= tract.end + FLANK_BP
        && !read
            .indels
            .iter()
            .any(|indel| within.contains(&indel.anchor))
}
