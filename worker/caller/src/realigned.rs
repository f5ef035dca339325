//! What a region's calls rest on: its haplotypes, and its reads as they lie along them.
//!
//! Source: GATK 4.6 `HaplotypeBAMWriter`, `AssemblyBasedCallerUtils`.

use crate::call::Call;
use crate::genotyping::Genotypes;
use crate::haplotype::Haplotype;
use crate::options::HaplotypesShown;
use crate::region_read::RegionRead;
use genome::region::Region;

/// The fewest places of Java's hash tables.
const LEAST_PLACES: usize = 16;

/// The haplotypes and reads of one region.
#[derive(Debug, Clone, PartialEq)]
pub struct Realigned {
    /// Events that start here were genotyped.
    pub called_span: Region,
    /// What haplotypes and reads were cut to.
    pub aligned_span: Region,
    /// The haplotypes to show, each with its [`identity`].
    pub haplotypes: Vec<(Haplotype, i32)>,
    /// The reads that were genotyped.
    pub reads: Vec<RealignedRead>,
}

/// A read and what it speaks for.
#[derive(Debug, Clone, PartialEq)]
pub struct RealignedRead {
    /// The read, clipped and realigned.
    pub read: RegionRead,
    /// The [`identity`] of the haplotype that it tells from the others.
    pub haplotype: Option<i32>,
    /// The calls that it tells an allele of, as 0-based positions with the allele's number.
    pub alleles: Vec<(u64, usize)>,
}

/// What [`Realigned::new`] is made from.
#[derive(Debug)]
pub struct Parts<'a> {
    /// Where events were genotyped.
    pub called_span: Region,
    /// What everything was cut to.
    pub aligned_span: Region,
    /// All haplotypes of the region.
    pub haplotypes: &'a [Haplotype],
    /// The realigned reads.
    pub reads: &'a [RegionRead],
    /// For each read the haplotype that it tells from the others.
    pub told: &'a [Option<usize>],
}

impl Realigned {
    /// Collects what is to be shown; `None` if nothing is.
    pub fn new(parts: &Parts<'_>, genotypes: &Genotypes, shown: HaplotypesShown) -> Option<Self> {
        let identities: Vec<i32> = parts
            .haplotypes
            .iter()
            .map(|one| identity(&one.bases))
            .collect();
        let order = match shown {
            HaplotypesShown::All => (0..parts.haplotypes.len()).collect(),
            HaplotypesShown::Called if genotypes.called.is_empty() => return None,
            HaplotypesShown::Called => table_order(&genotypes.called, &identities),
        };
        let mut reads: Vec<RealignedRead> = parts
            .reads
            .iter()
            .zip(parts.told)
            .map(|(read, told)| RealignedRead {
                read: read.clone(),
                haplotype: told.map(|index| identities[index]),
                alleles: Vec::new(),
            })
            .collect();
        for (call, told) in genotypes.calls.iter().zip(&genotypes.told) {
            let Call { position, .. } = call;
            for &(read, allele) in told {
                reads[read].alleles.push((*position, allele));
            }
        }
        let shown = |index: usize| (parts.haplotypes[index].clone(), identities[index]);
        Some(Self {
            called_span: parts.called_span,
            aligned_span: parts.aligned_span,
            haplotypes: order.into_iter().map(shown).collect(),
            reads,
        })
    }
}

/// Returns the number by which reads name a haplotype: Java's hash of its letters.
pub fn identity(bases: &[u8]) -> i32 {
    let add = |hash: i32, &base: &u8| hash.wrapping_mul(31).wrapping_add(i32::from(base));
    bases.iter().fold(1, add)
}

/// Returns members in the order in which a copied set of Java's hands them out.
fn table_order(members: &[usize], identities: &[i32]) -> Vec<usize> {
    let mut distinct: Vec<usize> = Vec::new();
    for &member in members {
        if !distinct.contains(&member) {
            distinct.push(member);
        }
    }
    let mut grown = LEAST_PLACES;
    while distinct.len() * 4 > grown * 3 {
        grown *= 2;
    }
    let wanted = (distinct.len() as f32 / 0.75) as usize + 1;
    for places in [grown, wanted.max(LEAST_PLACES).next_power_of_two()] {
        distinct.sort_by_key(|&member| {
            let hash = identities[member] as u32;
            (hash ^ hash >> 16) as usize & (places - 1)
        });
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identity_is_that_of_java() {
        assert_eq!(identity(b""), 1);
        assert_eq!(identity(b"ACGT"), 2_926_608);
    }

    #[test]
    fn sets_are_handed_out_by_place() {
        let identities = [33, 2, 17, 1];
        assert_eq!(table_order(&[0, 1, 2, 3, 0], &identities), [0, 2, 3, 1]);
    }
}
