//! Which alternate alleles of a position have support enough to be looked at.

use super::Column;
use crate::indel::{Change, Letters, Tract, tract};
use crate::options::Options;
use crate::read::AlignedRead;
use genome::base;

/// Fewer reads than this are no support.
const LEAST_SNV_SUPPORT: usize = 2;
const LEAST_INDEL_SUPPORT: usize = 3;

/// A smaller share of the reads is no support: errors pile up where the depth is great. All of
/// these limits were set by the truth of HG001 and HG002 over 100 kb of chromosome 20.
const LEAST_SNV_SHARE: f64 = 0.10;
const LEAST_INDEL_SHARE: f64 = 0.12;

/// A base so close to an end of the alignment is no support: there, an indel looks like SNVs.
const END_BP: u64 = 5;

/// A read tells an indel's absence only if it reaches so far beyond the tract on both sides.
const FLANK_BP: u64 = 10;

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
    let mut total = 0;
    for read in column.iter() {
        let cell = read.cell(column.position);
        if cell.code >= 4 || cell.quality < options.minimum_base_quality {
            continue;
        }
        total += 1;
        let is_inside =
            read.start + END_BP <= column.position && column.position + END_BP < read.end();
        counts[usize::from(cell.code)] += usize::from(is_inside);
    }
    (0..4u8)
        .map(|code| (counts[usize::from(code)], code))
        .filter(|&(count, code)| {
            code != reference && is_enough(count, LEAST_SNV_SUPPORT, LEAST_SNV_SHARE * total as f64)
        })
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
        if is_enough(
            group.len(),
            LEAST_INDEL_SUPPORT,
            LEAST_INDEL_SHARE * total as f64,
        ) {
            supported.push((group.len(), Allele::Indel(group[0].clone(), tract)));
        }
    }
    supported
}

fn is_enough(count: usize, least: usize, share: f64) -> bool {
    count >= least && count as f64 >= share
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
