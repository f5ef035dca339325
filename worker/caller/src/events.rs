//! How a haplotype differs from the reference.
//!
//! Source: GATK 4.6 `EventMap`.

use crate::haplotype::{Event, Haplotype};
use crate::reference_bases::ReferenceBases;
use genome::base;
use genome::cigar::CigarKind;
use std::collections::BTreeMap;

/// Returns the events of a haplotype, ascending by start, at most one a start.
pub fn events(haplotype: &Haplotype, reference: &ReferenceBases) -> Vec<Event> {
    let mut events = BTreeMap::new();
    let (mut position, mut index) = (haplotype.start, 0);
    let last = haplotype.cigar.len().saturating_sub(1);
    for (place, op) in haplotype.cigar.iter().enumerate() {
        let length = op.len() as usize;
        match op.kind() {
            CigarKind::Insertion => {
                let bases = &haplotype.bases[index..index + length];
                if place > 0 && place < last {
                    add(&mut events, insertion(reference, position, bases));
                }
                index += length;
            }
            CigarKind::Deletion => {
                add(&mut events, deletion(reference, position, length));
                position += length as u64;
            }
            kind if kind.is_aligned() => {
                for offset in 0..length {
                    let at = position + offset as u64;
                    let (from, to) = (reference.letter(at), haplotype.bases[index + offset]);
                    if from != to && is_base(&from) && is_base(&to) {
                        add(&mut events, Some(event(at, &[from], &[to])));
                    }
                }
                position += length as u64;
                index += length;
            }
            _ => {}
        }
    }
    events.into_values().collect()
}

fn is_base(letter: &u8) -> bool {
    base::code(*letter) != base::AMBIGUOUS
}

fn event(start: u64, reference: &[u8], alternate: &[u8]) -> Event {
    Event {
        start,
        reference: reference.to_vec(),
        alternate: alternate.to_vec(),
    }
}

fn insertion(reference: &ReferenceBases, position: u64, bases: &[u8]) -> Option<Event> {
    let start = position.checked_sub(1)?;
    let anchor = reference.letter(start);
    let alternate = [&[anchor], bases].concat();
    let known = alternate.iter().all(is_base);
    known.then(|| event(start, &[anchor], &alternate))
}

fn deletion(reference: &ReferenceBases, position: u64, length: usize) -> Option<Event> {
    let start = position.checked_sub(1)?;
    let deleted = reference.slice(start, position + length as u64);
    let known = deleted.len() == length + 1 && deleted.iter().all(is_base);
    known.then(|| event(start, deleted, &deleted[..1]))
}

/// Adds an event; one at the same start becomes one with it.
fn add(events: &mut BTreeMap<u64, Event>, added: Option<Event>) {
    let Some(added) = added else {
        return;
    };
    let start = added.start;
    let whole = match events.remove(&start) {
        Some(there) => compound(there, added),
        None => added,
    };
    events.insert(start, whole);
}

fn compound(a: Event, b: Event) -> Event {
    let start = a.start;
    let is_snv = |event: &Event| event.reference.len() == 1 && event.alternate.len() == 1;
    let is_insertion = |event: &Event| event.reference.len() == 1;
    let (mut reference, mut alternate) = if is_snv(&a) || is_snv(&b) {
        let (snv, indel) = if is_snv(&a) { (a, b) } else { (b, a) };
        if is_insertion(&indel) {
            let alternate = [&snv.alternate[..], &indel.alternate[1..]].concat();
            (snv.reference, alternate)
        } else {
            (indel.reference, snv.alternate)
        }
    } else if is_insertion(&a) {
        (b.reference, a.alternate)
    } else {
        (a.reference, b.alternate)
    };
    while reference.len() > 1 && alternate.len() > 1 && reference.last() == alternate.last() {
        reference.pop();
        alternate.pop();
    }
    Event {
        start,
        reference,
        alternate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::ops;
    use genome::region::{ContigId, Region};

    fn found(reference: &[u8], bases: &[u8], cigar: &str) -> Vec<(u64, String, String)> {
        let reference = ReferenceBases {
            region: Region::new(ContigId(0), 100, 100 + reference.len() as u64),
            letters: reference.to_vec(),
        };
        let haplotype = Haplotype {
            bases: bases.to_vec(),
            cigar: ops(cigar),
            start: 100,
            is_reference: false,
            score: 0.0,
            kmer_size: 10,
            events: Vec::new(),
        };
        let text = |letters: Vec<u8>| String::from_utf8(letters).unwrap();
        let shown = |event: Event| (event.start, text(event.reference), text(event.alternate));
        events(&haplotype, &reference)
            .into_iter()
            .map(shown)
            .collect()
    }

    #[test]
    fn each_operation_gives_its_event() {
        let snv = (102, "G".into(), "T".into());
        let insertion = (104, "A".into(), "ATT".into());
        let deletion = (106, "GTA".into(), "G".into());
        let all = found(b"ACGTACGTACG", b"ACTTATTCGCG", "5M2I2M2D2M");
        assert_eq!(all, [snv, insertion, deletion]);
        assert!(found(b"ACNT", b"ACGT", "4M").is_empty());
    }

    #[test]
    fn events_at_one_start_become_one() {
        let with_insertion = found(b"ACGTACG", b"ATTTGTACG", "2M2I5M");
        assert_eq!(with_insertion, [(101, "C".into(), "TTT".into())]);
        let with_deletion = found(b"ACGTACG", b"ATACG", "2M2D3M");
        assert_eq!(with_deletion, [(101, "CGT".into(), "T".into())]);
    }
}
