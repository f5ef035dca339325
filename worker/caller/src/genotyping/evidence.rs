//! The reads over a site, and which allele each of them tells for.

use super::alleles::Site;
use crate::annotate::Evidence;
use crate::likelihoods::{INFORMATIVE_LOG10, ReadLikelihoods};
use crate::log_sum::first_maximum;
use crate::region_read::RegionRead;
use genome::cigar::CigarKind;

/// Reads this close to a site take part in it.
const MARGIN_BP: u64 = 2;

/// Reads over a site with their likelihoods: a row a read, a column an allele.
#[derive(Debug, Clone, PartialEq)]
pub struct SiteEvidence<'a> {
    /// The reads; those without a row of their own come last.
    pub reads: Vec<&'a RegionRead>,
    /// For each row the number of its read among all.
    pub places: Vec<usize>,
    /// log10 P(read | allele).
    pub rows: Vec<Vec<f64>>,
}

impl<'a> SiteEvidence<'a> {
    /// Gathers the reads over a site; an allele is as likely as its best haplotype.
    pub fn gather(site: &Site, likelihoods: &'a ReadLikelihoods) -> Self {
        let mut found = Self {
            reads: Vec::new(),
            places: Vec::new(),
            rows: Vec::new(),
        };
        let rows = likelihoods.reads.iter().zip(&likelihoods.rows);
        for (place, (read, row)) in rows.enumerate() {
            if reaches(read, site) {
                let best = |carriers: &Vec<usize>| {
                    carriers
                        .iter()
                        .map(|&one| row[one])
                        .fold(f64::NEG_INFINITY, f64::max)
                };
                found.reads.push(read);
                found.places.push(place);
                found.rows.push(site.carriers.iter().map(best).collect());
            }
        }
        found
    }

    /// Adds reads that tell nothing.
    pub fn add_mute(&mut self, site: &Site, reads: &'a [RegionRead]) {
        self.reads
            .extend(reads.iter().filter(|read| reaches(read, site)));
    }

    /// Sets the last allele's likelihoods, those of anything else: the median of the `considered`
    /// alleles that fit worse than the best, or the best itself.
    pub fn set_non_ref(&mut self, considered: &[usize]) {
        for row in &mut self.rows {
            let best = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let last = row.len() - 1;
            let mut worse: Vec<f64> = considered
                .iter()
                .filter(|&&allele| allele != last)
                .map(|&allele| row[allele])
                .filter(|&value| value < best)
                .collect();
            worse.sort_by(f64::total_cmp);
            row[last] = median(&worse).unwrap_or(best);
        }
    }

    /// Appends a column.
    pub fn add_column(&mut self) {
        self.rows
            .iter_mut()
            .for_each(|row| row.push(f64::NEG_INFINITY));
    }

    /// Returns which of the `kept` alleles each read tells for, compared with these alone.
    pub fn told_among(&self, kept: &[usize]) -> Vec<Option<usize>> {
        let of_row = |row: &Vec<f64>| {
            let values: Vec<f64> = kept.iter().map(|&allele| row[allele]).collect();
            told(&values)
        };
        self.rows.iter().map(of_row).collect()
    }

    /// Returns the reads that tell one of the `kept` alleles from the others of these, and which.
    pub fn told_by_place(&self, kept: &[usize]) -> Vec<(usize, usize)> {
        let told = self.places.iter().zip(self.told_among(kept));
        told.filter_map(|(&place, allele)| Some((place, allele?)))
            .collect()
    }

    /// Returns which allele each read tells for, if it is one of the `kept`: its place among them.
    pub fn told(&self, kept: &[usize]) -> Vec<Option<usize>> {
        let place = |allele| kept.iter().position(|&one| one == allele);
        self.rows
            .iter()
            .map(|row| told(row).and_then(place))
            .collect()
    }

    /// Returns what annotations look at in each read.
    pub fn described(&self, start: u64, end: u64) -> Vec<Evidence> {
        let describe = |read: &&RegionRead| Evidence {
            mapping_quality: read.head.mapping_quality,
            is_reverse: read.is_reverse(),
            base_quality: base_quality(read, start),
            end_distance: end_distance(read, start, end),
        };
        self.reads.iter().map(describe).collect()
    }
}

fn reaches(read: &RegionRead, site: &Site) -> bool {
    read.start < site.end() + MARGIN_BP && read.end() + MARGIN_BP > site.start
}

fn told(row: &[f64]) -> Option<usize> {
    let best = first_maximum(row);
    let others = row.iter().enumerate().filter(|&(allele, _)| allele != best);
    let second = others
        .map(|(_, &value)| value)
        .fold(f64::NEG_INFINITY, f64::max);
    (row[best] - second > INFORMATIVE_LOG10).then_some(best)
}

/// Returns the median of sorted values; of an even number, the middle of the middle two.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = sorted[sorted.len() / 2 - 1];
    Some(lower + 0.5 * (upper - lower))
}

/// Returns the index of the base at a position, soft clips laid out, and whether it is aligned
/// there or soft-clipped; within a deletion, that of the base after it.
fn base_at(read: &RegionRead, position: u64) -> Option<(usize, bool)> {
    let mut at = read.soft_start();
    let target = position as i64;
    let mut index = 0;
    if target < at {
        return None;
    }
    for op in &read.cigar {
        let (length, kind) = (i64::from(op.len()), op.kind());
        let moves = kind.consumes_reference() || kind == CigarKind::SoftClip;
        if moves && target < at + length {
            let within = if kind.consumes_read() { target - at } else { 0 };
            return Some((index + within as usize, kind.consumes_read()));
        }
        at += if moves { length } else { 0 };
        index += if kind.consumes_read() {
            length as usize
        } else {
            0
        };
    }
    None
}

fn base_quality(read: &RegionRead, position: u64) -> Option<u8> {
    if position < read.start || position >= read.end() {
        return None;
    }
    match base_at(read, position) {
        Some((index, true)) => read.qualities.get(index).copied(),
        _ => None,
    }
}

/// Returns how far the base at `start` is from the nearer end of the read as sequenced.
fn end_distance(read: &RegionRead, start: u64, end: u64) -> Option<u32> {
    if read.soft_start() > end as i64 || read.soft_end() <= start {
        return None;
    }
    let first = read.cigar.iter().find(|op| !op.kind().is_clip())?;
    if read.start == end && first.kind() == CigarKind::Insertion {
        return Some(0);
    }
    let (index, _) = base_at(read, start)?;
    let hard = |op: Option<&genome::cigar::CigarOp>| match op {
        Some(op) if op.kind() == CigarKind::HardClip => op.len(),
        _ => 0,
    };
    let left = hard(read.cigar.first()) as usize + index;
    let right = (read.len() + hard(read.cigar.last()) as usize).checked_sub(index + 1);
    Some(left.min(right.unwrap_or(0)) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::region_read;

    #[test]
    fn anything_else_is_as_likely_as_the_median_of_the_worse() {
        let mut evidence = SiteEvidence {
            reads: Vec::new(),
            places: Vec::new(),
            rows: vec![vec![-1.0, -2.0, -4.0], vec![-1.0, -1.0, -1.0]],
        };
        evidence.add_column();
        evidence.set_non_ref(&[0, 1, 2, 3]);
        assert_eq!(evidence.rows[0][3], -3.0);
        assert_eq!(evidence.rows[1][3], -1.0);
        evidence.set_non_ref(&[0, 1, 3]);
        assert_eq!(evidence.rows[0][3], -2.0);
    }

    #[test]
    fn dropped_alleles_still_compete() {
        let evidence = SiteEvidence {
            reads: Vec::new(),
            places: Vec::new(),
            rows: vec![vec![-9.0, -2.0, -1.0]],
        };
        assert_eq!(evidence.told(&[0, 1]), [None]);
        assert_eq!(evidence.told_among(&[0, 1]), [Some(1)]);
    }

    #[test]
    fn distance_counts_hard_clips() {
        let read = region_read(100, "3H4M2D4M1H");
        assert_eq!(end_distance(&read, 100, 101), Some(3));
        assert_eq!(end_distance(&read, 104, 105), Some(4));
        assert_eq!(base_quality(&read, 104), None);
        assert_eq!(end_distance(&read, 109, 110), Some(1));
        assert_eq!(end_distance(&read, 110, 111), None);
        assert_eq!(base_quality(&read, 109), Some(30));
        let inserted = region_read(101, "2I4M");
        assert_eq!(end_distance(&inserted, 100, 101), Some(0));
    }
}
