//! Marking: which alignments of a read are primary and which are masked by better ones.

use crate::alignment::{Alignment, Parent};
use crate::context::Context;
use crate::sort::introsort;
use std::cmp::Reverse;

/// Returns Thomas Wang's 64-bit mix of a key.
pub(crate) const fn mix(key: u64) -> u64 {
    let mut key = key;
    key = key.wrapping_add(!(key << 32));
    key ^= key >> 22;
    key = key.wrapping_add(!(key << 13));
    key ^= key >> 8;
    key = key.wrapping_add(key << 3);
    key ^= key >> 15;
    key = key.wrapping_add(!(key << 27));
    key ^ key >> 31
}

/// Memory of the marking.
#[derive(Debug, Default)]
pub(crate) struct Marker {
    primaries: Vec<usize>,
    ranks: Vec<u32>,
}

impl Marker {
    /// Sorts alignments by score and marks them; returns how many lie on ordinary contigs, which
    /// come first.
    pub fn mark(&mut self, context: &Context<'_>, all: &mut [Alignment], id: u64) -> usize {
        for (alignment, at) in all.iter_mut().zip(0u64..) {
            alignment.sub_score = 0;
            alignment.alternate_score = 0;
            alignment.parent = Parent::None;
            alignment.family = None;
            alignment.hash = mix(id.wrapping_add(at));
        }
        introsort(all, |one, other| {
            let key = |a: &Alignment| (Reverse(a.score), a.is_alternate, a.hash);
            key(one) < key(other)
        });
        self.mask(context, all);
        let ordinary = all.iter().filter(|a| !a.is_alternate).count();
        if ordinary == all.len() {
            for alignment in all {
                if let Parent::Index(parent) = alignment.parent {
                    alignment.family = Some(parent);
                }
            }
        } else {
            self.mark_ordinary(context, all, ordinary);
        }
        ordinary
    }

    /// Marks again without the alternate contigs, after the families were noted with them.
    fn mark_ordinary(&mut self, context: &Context<'_>, all: &mut [Alignment], ordinary: usize) {
        for at in 0..all.len() {
            all[at].family = Some(at as u32);
            if let (false, Parent::Index(parent)) = (all[at].is_alternate, all[at].parent) {
                let parent = all[parent as usize];
                if parent.is_alternate {
                    all[at].alternate_score = parent.score;
                }
            }
        }
        if ordinary > 0 {
            introsort(all, |one, other| {
                let key = |a: &Alignment| (a.is_alternate, Reverse(a.score), a.hash);
                key(one) < key(other)
            });
        }
        self.ranks.clear();
        self.ranks.resize(all.len(), 0);
        for (alignment, now) in all.iter().zip(0..) {
            if let Some(before) = alignment.family {
                self.ranks[before as usize] = now;
            }
        }
        for alignment in all.iter_mut() {
            alignment.family = match alignment.parent {
                Parent::Index(parent) => {
                    if alignment.is_alternate {
                        alignment.parent = Parent::OfAlternate;
                    }
                    Some(self.ranks[parent as usize])
                }
                _ => None,
            };
        }
        for alignment in &mut all[..ordinary] {
            alignment.sub_score = 0;
            alignment.parent = Parent::None;
        }
        self.mask(context, &mut all[..ordinary]);
    }

    /// Finds the first better alignment that overlaps each on the read.
    fn mask(&mut self, context: &Context<'_>, all: &mut [Alignment]) {
        let options = context.options;
        let close = options.close_score();
        self.primaries.clear();
        for i in 0..all.len() {
            let alignment = all[i];
            let masks = |&j: &usize| all[j].overlaps_on_query(&alignment, options.mask_level);
            let Some(j) = self.primaries.iter().copied().find(masks) else {
                self.primaries.push(i);
                continue;
            };
            let primary = &mut all[j];
            if primary.sub_score == 0 {
                primary.sub_score = alignment.score;
            }
            let counts = primary.is_alternate || !alignment.is_alternate;
            if primary.score - alignment.score <= close && counts {
                primary.sub_count += 1;
            }
            all[i].parent = Parent::Index(j as u32);
        }
    }
}

/// Makes the primary alignment nearest the 5′ end of the read the first one.
pub(crate) fn prefer_five_prime(context: &Context<'_>, all: &mut [Alignment]) {
    let counts =
        |a: &Alignment| a.is_primary() && !a.is_alternate && a.score >= context.options.min_score;
    if all.iter().filter(|a| counts(a)).count() < 2 {
        return;
    }
    let candidates = (0..all.len()).filter(|&at| counts(&all[at]));
    let Some(leftmost) = candidates.min_by_key(|&at| all[at].query_start) else {
        return;
    };
    if leftmost == 0 {
        return;
    }
    all.swap(0, leftmost);
    let moved = |at: u32| match at as usize {
        0 => leftmost as u32,
        at if at == leftmost => 0,
        _ => at,
    };
    for alignment in &mut all[1..] {
        if let Parent::Index(parent) = alignment.parent {
            alignment.parent = Parent::Index(moved(parent));
        }
        alignment.family = alignment.family.map(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Options;
    use crate::index::testing::index_of;

    fn alignment(score: i32, query: (i32, i32)) -> Alignment {
        Alignment {
            score,
            query_start: query.0,
            query_end: query.1,
            ..Alignment::default()
        }
    }

    #[test]
    fn the_better_of_two_that_overlap_masks_the_other() {
        let (index, options) = (index_of(&[&[0, 1, 2, 3]]), Options::default());
        let context = Context::new(&index, &options);
        let mut all = [
            alignment(50, (0, 50)),
            alignment(60, (40, 100)),
            alignment(55, (45, 100)),
        ];
        assert_eq!(Marker::default().mark(&context, &mut all, 0), 3);
        let scores = all.map(|a| a.score);
        assert_eq!(scores, [60, 55, 50]);
        assert_eq!(
            all.map(|a| a.parent),
            [Parent::None, Parent::Index(0), Parent::None]
        );
        assert_eq!((all[0].sub_score, all[0].sub_count), (55, 1));
        assert_eq!(all[1].family, Some(0));
        prefer_five_prime(&context, &mut all);
        assert_eq!(all.map(|a| a.score), [50, 55, 60]);
        assert_eq!(all[1].parent, Parent::Index(2));
    }

    #[test]
    fn an_alternate_contig_masks_nothing_ordinary_for_good() {
        let (index, options) = (index_of(&[&[0, 1, 2, 3]]), Options::default());
        let context = Context::new(&index, &options);
        let on_alternate = Alignment {
            is_alternate: true,
            ..alignment(100, (0, 100))
        };
        let mut all = [on_alternate, alignment(90, (0, 100))];
        assert_eq!(Marker::default().mark(&context, &mut all, 0), 1);
        assert!(!all[0].is_alternate && all[0].is_primary() && all[1].is_primary());
        assert_eq!((all[0].alternate_score, all[0].sub_score), (100, 0));
        assert_eq!((all[0].family, all[1].family), (Some(1), None));
    }

    #[test]
    fn ties_are_broken_by_ordinal() {
        let (index, options) = (index_of(&[&[0, 1, 2, 3]]), Options::default());
        let context = Context::new(&index, &options);
        let firsts: std::collections::HashSet<i32> = (0..32)
            .map(|id| {
                let mut all = [alignment(50, (0, 50)), alignment(50, (1, 51))];
                Marker::default().mark(&context, &mut all, id);
                all[0].query_start
            })
            .collect();
        assert_eq!(firsts.len(), 2);
        assert_eq!(mix(0), 0x6A39_6CD3_9C35_2659);
    }
}
