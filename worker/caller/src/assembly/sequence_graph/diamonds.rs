//! Branches that come together again right away, cut to where they differ.

use super::SequenceGraph;
use crate::assembly::graph::{VertexId, Weight};

/// Shares what all branches between a vertex and the next meeting point begin and end with.
///
/// Says whether there was a letter to share.
pub fn merge(graph: &mut SequenceGraph, top: VertexId) -> bool {
    let Some((middles, bottom)) = diamond(graph, top) else {
        return false;
    };
    let letters: Vec<&[u8]> = middles.iter().map(|&v| &graph.payload(v)[..]).collect();
    let shortest = letters.iter().map(|one| one.len()).min().unwrap_or(0);
    let prefix = shared(&letters, shortest, |one, i| one[i]);
    let suffix = shared(&letters, shortest - prefix, |one, i| one[one.len() - 1 - i]);
    if prefix == 0 && suffix == 0 {
        return false;
    }
    let before = letters[0][..prefix].to_vec();
    let after = letters[0][letters[0].len() - suffix..].to_vec();
    let split = Split::new(graph, &middles, prefix, suffix);
    middles.iter().for_each(|&v| graph.remove_vertex(v));
    split.rebuild(graph, (top, before), (bottom, after));
    true
}

/// Returns the branches below a vertex, and the vertex at which all of them meet.
fn diamond(graph: &SequenceGraph, top: VertexId) -> Option<(Vec<VertexId>, VertexId)> {
    if graph.out_degree(top) < 2 {
        return None;
    }
    let middles: Vec<VertexId> = graph.outgoing(top).map(|(_, edge)| edge.target).collect();
    let mut bottom = None;
    for &middle in &middles {
        if graph.in_degree(middle) != 1 || graph.out_degree(middle) == 0 {
            return None;
        }
        for (_, edge) in graph.outgoing(middle) {
            if *bottom.get_or_insert(edge.target) != edge.target {
                return None;
            }
        }
    }
    let bottom = bottom?;
    (graph.in_degree(bottom) as usize == middles.len()).then_some((middles, bottom))
}

fn shared(letters: &[&[u8]], most: usize, letter: impl Fn(&[u8], usize) -> u8) -> usize {
    let agree = |&i: &usize| {
        letters
            .iter()
            .all(|one| letter(one, i) == letter(letters[0], i))
    };
    (0..most).take_while(agree).count()
}

/// The branches without what they share.
struct Split {
    /// What is left of each branch, with the weights of its two edges.
    rests: Vec<(Vec<u8>, Weight, Weight)>,
    /// The weight of the branches of which nothing is left, and how many `rests` came before.
    direct: Option<(usize, Weight)>,
}

impl Split {
    fn new(graph: &SequenceGraph, middles: &[VertexId], prefix: usize, suffix: usize) -> Self {
        let mut split = Self {
            rests: Vec::new(),
            direct: None,
        };
        for &middle in middles {
            let edges = (graph.incoming(middle).next(), graph.outgoing(middle).next());
            let (Some((_, entering)), Some((_, leaving))) = edges else {
                continue;
            };
            let (entering, leaving) = (entering.weight(), leaving.weight());
            let letters = graph.payload(middle);
            let rest = &letters[prefix..letters.len() - suffix];
            if !rest.is_empty() {
                split.rests.push((rest.to_vec(), entering, leaving));
                continue;
            }
            let both = sum(entering, leaving);
            split.direct = Some(match split.direct {
                Some((place, weight)) => (place, sum(weight, both)),
                None => (split.rests.len(), both),
            });
        }
        split
    }

    fn rebuild(
        self,
        graph: &mut SequenceGraph,
        (top, before): (VertexId, Vec<u8>),
        (bottom, after): (VertexId, Vec<u8>),
    ) {
        let rests: Vec<VertexId> = self
            .rests
            .iter()
            .map(|(letters, ..)| graph.add_vertex(letters.clone()))
            .collect();
        let direct_reference = self.direct.is_some_and(|(_, weight)| weight.is_reference);
        let enters = self
            .rests
            .iter()
            .any(|(_, entering, _)| entering.is_reference);
        let leaves = self.rests.iter().any(|(.., leaving)| leaving.is_reference);
        let mut upper = top;
        if !before.is_empty() {
            upper = graph.add_vertex(before);
            graph.add_edge(top, upper, single(enters || direct_reference));
        }
        let mut lower = bottom;
        if !after.is_empty() {
            lower = graph.add_vertex(after);
            graph.add_edge(lower, bottom, single(leaves || direct_reference));
        }
        let place = self.direct.map(|(place, _)| place);
        for index in 0..=rests.len() {
            if place == Some(index)
                && let Some((_, weight)) = self.direct
            {
                graph.add_edge(upper, lower, weight);
            }
            if let Some(&rest) = rests.get(index) {
                graph.add_edge(upper, rest, self.rests[index].1);
            }
        }
        for (&rest, (.., leaving)) in rests.iter().zip(&self.rests) {
            graph.add_edge(rest, lower, *leaving);
        }
    }
}

const fn single(is_reference: bool) -> Weight {
    Weight {
        multiplicity: 1,
        is_reference,
    }
}

const fn sum(a: Weight, b: Weight) -> Weight {
    Weight {
        multiplicity: a.multiplicity + b.multiplicity,
        is_reference: a.is_reference || b.is_reference,
    }
}
