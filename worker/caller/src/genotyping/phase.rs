//! Which calls of a region lie on one chromosome, as far as its haplotypes tell.
//!
//! Source: GATK 4.6 `AssemblyBasedCallerUtils.phaseCalls`.

use super::alleles::SPANNING_DELETION;
use crate::call::{Call, NON_REF, Phase};
use crate::haplotype::Haplotype;
use std::collections::BTreeSet;

/// A group of calls, and on which side the alternate allele lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    group: usize,
    is_first: bool,
}

type Carriers = BTreeSet<usize>;

/// Phases diploid calls, given the haplotypes that carry any of their alleles.
pub fn phase(calls: &mut [Call], haplotypes: &[Haplotype], called: &Carriers) {
    let carriers: Vec<Carriers> = calls
        .iter()
        .map(|call| carriers(call, haplotypes, called))
        .collect();
    let places = places(&carriers);
    let groups = places
        .iter()
        .flatten()
        .map(|place| place.group + 1)
        .max()
        .unwrap_or(0);
    for group in 0..groups {
        let is_member = |&index: &usize| places[index].is_some_and(|place| place.group == group);
        let members: Vec<usize> = (0..calls.len()).filter(is_member).collect();
        let Some(&first) = members.first() else {
            continue;
        };
        let set = calls[first].position;
        let text = |letters: &[u8]| String::from_utf8_lossy(letters).into_owned();
        let id = format!(
            "{}_{}_{}",
            set + 1,
            text(&calls[first].alleles[0]),
            text(&calls[first].alleles[1])
        );
        for index in members {
            let is_first = places[index].is_some_and(|place| place.is_first);
            set_phase(
                &mut calls[index],
                Phase {
                    set,
                    id: id.clone(),
                    is_first,
                },
            );
        }
    }
}

/// Says whether an allele is spelled out and begins at its call.
fn is_concrete(allele: &[u8]) -> bool {
    allele != NON_REF && allele != SPANNING_DELETION
}

/// Returns the called haplotypes with the only concrete alternate of a call; none if it has more.
fn carriers(call: &Call, haplotypes: &[Haplotype], called: &Carriers) -> Carriers {
    let mut concrete = call.alleles[1..]
        .iter()
        .filter(|allele| is_concrete(allele));
    let (Some(alternate), None) = (concrete.next(), concrete.next()) else {
        return Carriers::new();
    };
    let shows = |&&index: &&usize| {
        let mut events = haplotypes[index].events.iter();
        events.any(|event| event.start == call.position && *event.alternate == **alternate)
    };
    called.iter().filter(shows).copied().collect()
}

/// Connects calls that are always, or never, on the same haplotypes.
fn places(carriers: &[Carriers]) -> Vec<Option<Place>> {
    let available: Carriers = carriers.iter().flatten().copied().collect();
    let mut places: Vec<Option<Place>> = vec![None; carriers.len()];
    let mut groups = 0;
    for i in 0..carriers.len() {
        if carriers[i].is_empty() {
            continue;
        }
        let is_everywhere = carriers[i].len() == available.len();
        let mut open = carriers[i].clone();
        for j in i + 1..carriers.len() {
            if carriers[j].is_empty() {
                continue;
            }
            let together = carriers[i] == carriers[j]
                || is_everywhere && open.is_superset(&carriers[j])
                || carriers[j].len() == available.len();
            let apart = carriers[i].len() + carriers[j].len() == available.len()
                && carriers[i].is_disjoint(&carriers[j]);
            if !together && !apart {
                continue;
            }
            match (places[i], places[j]) {
                (None, Some(_)) => return vec![None; carriers.len()],
                (None, None) => {
                    let place = |is_first| {
                        Some(Place {
                            group: groups,
                            is_first,
                        })
                    };
                    places[i] = place(false);
                    places[j] = place(!together);
                    groups += 1;
                    if together {
                        open = open.intersection(&carriers[j]).copied().collect();
                    }
                }
                (Some(place), None) => {
                    let is_first = place.is_first == together;
                    places[j] = Some(Place { is_first, ..place });
                }
                (Some(_), Some(_)) => {}
            }
        }
    }
    places
}

/// Puts the alternate of a heterozygote on its side.
fn set_phase(call: &mut Call, phase: Phase) {
    if let Some(genotype) = &mut call.sample.genotype {
        let side = usize::from(!phase.is_first);
        let is_het = genotype.iter().any(|&allele| allele != genotype[0]);
        let there = genotype.get(side).map_or(0, |&allele| usize::from(allele));
        if is_het && (there == 0 || !is_concrete(&call.alleles[there])) {
            genotype.reverse();
        }
    }
    call.sample.phase = Some(phase);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(sets: &[&[usize]]) -> Vec<Carriers> {
        sets.iter()
            .map(|set| set.iter().copied().collect())
            .collect()
    }

    fn sides(sets_given: &[&[usize]]) -> Vec<Option<(usize, bool)>> {
        let found = places(&sets(sets_given));
        found
            .into_iter()
            .map(|place| place.map(|place| (place.group, place.is_first)))
            .collect()
    }

    #[test]
    fn calls_on_the_same_haplotypes_go_together() {
        assert_eq!(
            sides(&[&[1], &[1], &[2]]),
            [Some((0, false)), Some((0, false)), Some((0, true))]
        );
        assert_eq!(
            sides(&[&[1, 2], &[1]]),
            [Some((0, false)), Some((0, false))]
        );
        assert_eq!(sides(&[&[1], &[2], &[3]]), [None, None, None]);
        assert_eq!(sides(&[&[], &[1]]), [None, None]);
    }

    #[test]
    fn contradiction_discards_all() {
        // The last joins the first two; the third, still free, would have to join it as well.
        assert_eq!(sides(&[&[1], &[2, 3], &[2], &[1, 2, 3]]), [None; 4]);
        assert_eq!(sides(&[&[1], &[2, 3], &[1, 2, 3]])[2], Some((0, false)));
    }
}
