//! The most likely paths through a graph, best first.
//!
//! The score of a path is the sum of log10 of each edge's share of what leaves its vertex. Among
//! equal scores the larger string of letters comes first.
//!
//! Source: GATK 4.6 `GraphBasedKBestHaplotypeFinder`.

use super::graph::VertexId;
use super::sequence_graph::SequenceGraph;
use genome::maths;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// The most paths, and the most times a vertex is passed.
const MOST_PATHS: usize = 128;

/// A path from the reference's start.
#[derive(Debug, Clone)]
pub struct Path {
    /// The letters.
    pub letters: Vec<u8>,
    /// The score, at most 0.
    pub score: f64,
    last: VertexId,
}

impl PartialEq for Path {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Path {}

impl PartialOrd for Path {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Path {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.score.total_cmp(&other.score);
        by_score.then_with(|| self.letters.cmp(&other.letters))
    }
}

/// Returns the best paths from the reference's start to its end.
pub fn best_paths(graph: &SequenceGraph) -> Vec<Path> {
    let Some((source, sink)) = graph.reference_ends() else {
        return Vec::new();
    };
    let acyclic = graph
        .has_cycle()
        .then(|| without_cycles(graph, source, sink));
    let graph = acyclic.as_ref().unwrap_or(graph);
    let mut found = Vec::new();
    let mut passed = vec![0usize; graph.capacity()];
    let mut open = BinaryHeap::from([Path {
        letters: graph.payload(source).clone(),
        score: 0.0,
        last: source,
    }]);
    while let Some(path) = open.pop() {
        if path.last == sink {
            found.push(path);
            if found.len() == MOST_PATHS {
                break;
            }
            continue;
        }
        let passed = &mut passed[path.last as usize];
        *passed += 1;
        if *passed <= MOST_PATHS {
            extend(graph, &path, &mut open);
        }
    }
    found
}

fn extend(graph: &SequenceGraph, path: &Path, open: &mut BinaryHeap<Path>) {
    let edges = graph.outgoing(path.last);
    let total: u32 = edges.clone().map(|(_, edge)| edge.multiplicity).sum();
    for (_, edge) in edges {
        let added = graph.payload(edge.target);
        let mut letters = Vec::with_capacity(path.letters.len() + added.len());
        letters.extend_from_slice(&path.letters);
        letters.extend_from_slice(added);
        let share = log10(edge.multiplicity) - log10(total);
        open.push(Path {
            letters,
            score: path.score + share,
            last: edge.target,
        });
    }
}

fn log10(count: u32) -> f64 {
    maths::log10(f64::from(count))
}

/// Returns the graph without the edges that close a cycle and without dead ends.
fn without_cycles(graph: &SequenceGraph, source: VertexId, sink: VertexId) -> SequenceGraph {
    let mut search = Search {
        graph,
        sink,
        passed: vec![false; graph.capacity()],
        closing: Vec::new(),
        dead: Vec::new(),
    };
    search.reaches_sink(source);
    let (closing, dead) = (search.closing, search.dead);
    let mut acyclic = graph.clone();
    closing
        .into_iter()
        .for_each(|edge| acyclic.remove_edge(edge));
    dead.into_iter()
        .for_each(|vertex| acyclic.remove_vertex(vertex));
    acyclic
}

/// A depth-first search that never passes a vertex twice.
struct Search<'a> {
    graph: &'a SequenceGraph,
    sink: VertexId,
    passed: Vec<bool>,
    closing: Vec<u32>,
    dead: Vec<VertexId>,
}

impl Search<'_> {
    fn reaches_sink(&mut self, vertex: VertexId) -> bool {
        if vertex == self.sink {
            return true;
        }
        self.passed[vertex as usize] = true;
        let mut reaches = false;
        for (id, edge) in self.graph.outgoing(vertex) {
            if self.passed[edge.target as usize] {
                self.closing.push(id);
            } else {
                reaches |= self.reaches_sink(edge.target);
            }
        }
        if !reaches {
            self.dead.push(vertex);
        }
        reaches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::graph::Weight;

    #[test]
    fn heavier_path_comes_first_and_ties_by_letters() {
        let mut graph = SequenceGraph::default();
        for letters in ["AC", "G", "T", "C", "A"] {
            graph.add_vertex(letters.into());
        }
        let mut edge = |source, target, multiplicity, is_reference| {
            let weight = Weight {
                multiplicity,
                is_reference,
            };
            graph.add_edge(source, target, weight);
        };
        for (middle, weight, is_reference) in [(1, 5, true), (2, 9, false), (3, 5, false)] {
            edge(0, middle, weight, is_reference);
            edge(middle, 4, weight, is_reference);
        }
        let letters: Vec<_> = best_paths(&graph)
            .into_iter()
            .map(|path| path.letters)
            .collect();
        assert_eq!(letters, [b"ACTA", b"ACGA", b"ACCA"]);
    }
}
