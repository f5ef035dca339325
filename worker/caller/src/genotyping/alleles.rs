//! The alleles of a site, put together from the events of its haplotypes.

use crate::call::NON_REF;
use crate::haplotype::{Event, Haplotype};

/// An allele: letters, [`SPANNING_DELETION`] or [`NON_REF`].
pub type Allele = Box<[u8]>;

/// The allele of a chromosome that lost the base to a deletion begun before it.
pub const SPANNING_DELETION: &[u8] = b"*";

/// The alleles that start at, or delete, one position; and which haplotypes carry them.
#[derive(Debug, Clone, PartialEq)]
pub struct Site {
    /// 0-based position.
    pub start: u64,
    /// The reference allele first, then the others in the order in which haplotypes show them.
    pub alleles: Vec<Allele>,
    /// For each allele the haplotypes that carry it, by index.
    pub carriers: Vec<Vec<usize>>,
}

impl Site {
    /// Puts together the alleles at a position; `None` if no haplotype differs there.
    pub fn at(start: u64, base: u8, haplotypes: &[Haplotype]) -> Option<Self> {
        let overlapping: Vec<Vec<&Event>> = haplotypes
            .iter()
            .map(|one| overlapping(one, start))
            .collect();
        let of_event = |event: &Event| -> [Allele; 2] {
            if event.start == start {
                [
                    event.reference.as_slice().into(),
                    event.alternate.as_slice().into(),
                ]
            } else {
                [[base].into(), SPANNING_DELETION.into()]
            }
        };
        let pairs: Vec<[Allele; 2]> = overlapping
            .iter()
            .flatten()
            .map(|event| of_event(event))
            .collect();
        let reference = pairs
            .iter()
            .map(|[reference, _]| reference)
            .max_by(|a, b| {
                // The first of the longest: `max_by` alone would take the last.
                a.len().cmp(&b.len()).then(std::cmp::Ordering::Greater)
            })?;
        let mut alleles: Vec<Allele> = vec![reference.clone()];
        for [shorter, alternate] in &pairs {
            let allele = extended(alternate, &reference[shorter.len()..]);
            if !alleles.contains(&allele) {
                alleles.push(allele);
            }
        }
        let mut site = Self {
            start,
            carriers: vec![Vec::new(); alleles.len()],
            alleles,
        };
        for (index, events) in overlapping.iter().enumerate() {
            site.add_carrier(index, events);
        }
        Some(site)
    }

    fn add_carrier(&mut self, haplotype: usize, events: &[&Event]) {
        if events.is_empty() {
            self.carriers[0].push(haplotype);
        }
        for event in events {
            let allele: Allele = if event.start == self.start {
                extended(&event.alternate, &self.alleles[0][event.reference.len()..])
            } else {
                SPANNING_DELETION.into()
            };
            if let Some(place) = self.alleles.iter().position(|one| *one == allele) {
                self.carriers[place].push(haplotype);
            }
            if event.start < self.start {
                break;
            }
        }
    }

    /// Keeps some alleles, in their order.
    pub fn keep(&mut self, kept: &[usize]) {
        self.alleles = kept
            .iter()
            .map(|&index| self.alleles[index].clone())
            .collect();
        self.carriers = kept
            .iter()
            .map(|&index| self.carriers[index].clone())
            .collect();
    }

    /// Returns the alleles to keep where there are too many: those of the best haplotypes.
    pub fn best_supported(&self, most: usize, haplotypes: &[Haplotype]) -> Vec<usize> {
        let support = |index: usize| {
            let mut scores: Vec<f64> = self.carriers[index]
                .iter()
                .map(|&one| haplotypes[one].score)
                .collect();
            scores.sort_by(|a, b| b.total_cmp(a));
            let nth = |n: usize| scores.get(n).copied().unwrap_or(f64::NEG_INFINITY);
            (nth(0), nth(1))
        };
        let mut alternates: Vec<(usize, (f64, f64))> = (1..self.alleles.len())
            .map(|index| (index, support(index)))
            .collect();
        alternates.sort_by(|(a, one), (b, other)| {
            let by_score = other.0.total_cmp(&one.0).then(other.1.total_cmp(&one.1));
            by_score.then_with(|| self.alleles[*a].cmp(&self.alleles[*b]))
        });
        let mut kept: Vec<usize> = std::iter::once(0)
            .chain(alternates.into_iter().map(|(index, _)| index))
            .collect();
        kept.truncate(most);
        kept.sort_unstable();
        kept
    }

    /// Returns one past the last reference position.
    pub fn end(&self) -> u64 {
        self.start + self.alleles[0].len() as u64
    }

    /// Adds the allele for everything else.
    pub fn add_non_ref(&mut self) {
        self.alleles.push(NON_REF.into());
        self.carriers.push(Vec::new());
    }
}

/// Returns the events of a haplotype over a position, ascending.
///
/// A deletion that ends here gives way to an insertion after it.
fn overlapping(haplotype: &Haplotype, position: u64) -> Vec<&Event> {
    let covers = |event: &&Event| event.start <= position && event.end() > position;
    let mut events: Vec<&Event> = haplotype.events.iter().filter(covers).collect();
    let is_insertion = |event: &&Event| event.reference.len() == 1 && event.alternate.len() > 1;
    if events.iter().any(is_insertion) {
        events.retain(|event| {
            let is_deletion = event.reference.len() > 1 && event.alternate.len() == 1;
            !(is_deletion && event.end() == position + 1)
        });
    }
    events
}

fn extended(allele: &[u8], tail: &[u8]) -> Allele {
    if *allele == *SPANNING_DELETION {
        return allele.into();
    }
    [allele, tail].concat().into()
}

/// Cuts what all alleles but symbols share at their ends, down to one letter.
pub fn trim_ends(alleles: &mut [Allele]) {
    let is_symbol = |allele: &Allele| allele.starts_with(b"<") || **allele == *SPANNING_DELETION;
    loop {
        let mut spelled = alleles.iter().filter(|allele| !is_symbol(allele));
        let Some(last) = alleles[0].last().copied() else {
            return;
        };
        if !spelled.all(|allele| allele.len() > 1 && allele.last() == Some(&last)) {
            return;
        }
        for allele in alleles.iter_mut().filter(|allele| !is_symbol(allele)) {
            *allele = allele[..allele.len() - 1].into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn haplotype(events: &[(u64, &str, &str)], score: f64) -> Haplotype {
        let event = |&(start, reference, alternate): &(u64, &str, &str)| Event {
            start,
            reference: reference.into(),
            alternate: alternate.into(),
        };
        Haplotype {
            bases: Vec::new(),
            cigar: Vec::new(),
            start: 0,
            is_reference: events.is_empty(),
            score,
            kmer_size: 10,
            events: events.iter().map(event).collect(),
        }
    }

    fn texts(site: &Site) -> Vec<String> {
        let text = |allele: &Allele| String::from_utf8(allele.to_vec()).unwrap();
        site.alleles.iter().map(text).collect()
    }

    #[test]
    fn alleles_share_the_longest_reference() {
        let haplotypes = [
            haplotype(&[(10, "A", "C")], 0.0),
            haplotype(&[], 0.0),
            haplotype(&[(10, "AAT", "A")], 0.0),
            haplotype(&[(8, "GGATT", "G")], 0.0),
        ];
        let site = Site::at(10, b'A', &haplotypes).unwrap();
        assert_eq!(texts(&site), ["AAT", "CAT", "A", "*"]);
        assert_eq!(site.carriers, [vec![1], vec![0], vec![2], vec![3]]);
        assert_eq!(site.best_supported(2, &haplotypes), [0, 3]);
        assert_eq!(Site::at(40, b'A', &haplotypes), None);
    }

    #[test]
    fn insertion_takes_the_place_of_a_deletion_that_ends_there() {
        let both = [haplotype(&[(8, "GGA", "G"), (10, "A", "AC")], 0.0)];
        assert_eq!(texts(&Site::at(10, b'A', &both).unwrap()), ["A", "AC"]);
        let spanning = [haplotype(&[(8, "GGAT", "G"), (10, "A", "AC")], 0.0)];
        let site = Site::at(10, b'A', &spanning).unwrap();
        assert_eq!(texts(&site), ["A", "*", "AC"]);
        assert_eq!(site.carriers, [vec![], vec![0], vec![]]);
    }

    #[test]
    fn shared_ends_are_cut_but_symbols_stay() {
        let mut alleles: Vec<Allele> = ["CAT", "TAT", "*", "<NON_REF>"]
            .iter()
            .map(|text| text.as_bytes().into())
            .collect();
        trim_ends(&mut alleles);
        assert_eq!(&*alleles[0], b"C");
        assert_eq!(&*alleles[3], NON_REF);
    }
}
