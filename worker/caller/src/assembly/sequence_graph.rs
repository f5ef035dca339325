//! The graph of stretches of letters, made as small as it gets without losing a path.
//!
//! Source: GATK 4.6 `SeqGraph`.

mod diamonds;
mod suffixes;

use super::graph::{Directions, Graph, VertexId};
use super::threading::ThreadingGraph;

/// Rounds of simplification after which a graph that repeats ends it.
const ROUNDS_WITHOUT_COMPARISON: usize = 6;

/// No graph needs more rounds.
const MOST_ROUNDS: usize = 100;

/// A graph whose vertices carry letters.
pub type SequenceGraph = Graph<Vec<u8>>;

/// Turns a threaded graph into its small form; `None` if the reference's ends are lost.
pub fn simplified(threading: &ThreadingGraph) -> Option<SequenceGraph> {
    let mut graph = from_threading(threading);
    clean_ends(&mut graph);
    zip(&mut graph);
    remove_lone(&mut graph);
    keep_connected(&mut graph);
    simplify(&mut graph);
    graph.reference_ends()?;
    keep_paths(&mut graph);
    simplify(&mut graph);
    Some(graph)
}

/// Removes what does not lie on some path from the reference's start to its end.
pub fn keep_paths<V>(graph: &mut Graph<V>) {
    let Some((source, sink)) = graph.reference_ends() else {
        return;
    };
    let from_source = graph.reached(source, Directions::Forward);
    let to_sink = graph.reached(sink, Directions::Backward);
    remove_unless(graph, |v| from_source[v as usize] && to_sink[v as usize]);
}

fn remove_unless<V>(graph: &mut Graph<V>, stays: impl Fn(VertexId) -> bool) {
    let removed: Vec<VertexId> = graph.vertices().filter(|&v| !stays(v)).collect();
    removed.into_iter().for_each(|v| graph.remove_vertex(v));
}

fn from_threading(threading: &ThreadingGraph) -> SequenceGraph {
    let threads = &threading.graph;
    let mut graph = SequenceGraph::default();
    let mut ids = vec![VertexId::MAX; threads.capacity()];
    for vertex in threads.vertices() {
        let letters = if threads.in_degree(vertex) == 0 {
            threading.kmer(vertex).to_vec()
        } else {
            vec![threading.suffix(vertex)]
        };
        ids[vertex as usize] = graph.add_vertex(letters);
    }
    for edge in threads.edges() {
        let (source, target) = (ids[edge.source as usize], ids[edge.target as usize]);
        graph.add_edge(source, target, edge.weight());
    }
    graph
}

/// Removes the edges that lead to the reference's start and away from its end.
fn clean_ends(graph: &mut SequenceGraph) {
    let Some((source, sink)) = graph.reference_ends() else {
        return;
    };
    let mut open: Vec<_> = graph.incoming(source).map(|(id, _)| id).collect();
    while let Some(id) = open.pop() {
        let edge = *graph.edge(id);
        if !edge.is_reference && graph.edge_between(edge.source, edge.target) == Some(id) {
            open.extend(graph.incoming(edge.source).map(|(id, _)| id));
            graph.remove_edge(id);
        }
    }
    let mut open: Vec<_> = graph.outgoing(sink).map(|(id, _)| id).collect();
    while let Some(id) = open.pop() {
        let edge = *graph.edge(id);
        if !edge.is_reference && graph.edge_between(edge.source, edge.target) == Some(id) {
            open.extend(graph.outgoing(edge.target).map(|(id, _)| id));
            graph.remove_edge(id);
        }
    }
    remove_lone(graph);
}

fn remove_lone(graph: &mut SequenceGraph) {
    let is_lone = |graph: &SequenceGraph, v| {
        graph.in_degree(v) == 0 && graph.out_degree(v) == 0 && !graph.is_reference_source(v)
    };
    let lone: Vec<VertexId> = graph.vertices().filter(|&v| is_lone(graph, v)).collect();
    lone.into_iter().for_each(|v| graph.remove_vertex(v));
}

fn keep_connected(graph: &mut SequenceGraph) {
    let source = graph.vertices().find(|&v| graph.is_reference_source(v));
    let connected = source.map(|source| graph.reached(source, Directions::Both));
    remove_unless(graph, |v| {
        connected
            .as_ref()
            .is_some_and(|reached| reached[v as usize])
    });
}

fn simplify(graph: &mut SequenceGraph) {
    zip(graph);
    let mut before: Option<SequenceGraph> = None;
    for round in 0..MOST_ROUNDS {
        if !simplify_once(graph) {
            return;
        }
        if round >= ROUNDS_WITHOUT_COMPARISON {
            if before.as_ref().is_some_and(|before| is_same(before, graph)) {
                return;
            }
            before = Some(graph.clone());
        }
    }
}

fn simplify_once(graph: &mut SequenceGraph) -> bool {
    let mut did_some = until_complete(graph, diamonds::merge);
    let mut tried = Vec::new();
    did_some |= until_complete(graph, |graph, vertex| {
        suffixes::split_once(graph, vertex, &mut tried)
    });
    did_some |= until_complete(graph, suffixes::merge);
    did_some |= zip(graph);
    did_some
}

/// Applies a transformation to the first vertex where it works, until it works nowhere.
fn until_complete(
    graph: &mut SequenceGraph,
    mut transform: impl FnMut(&mut SequenceGraph, VertexId) -> bool,
) -> bool {
    let mut did_some = false;
    'again: loop {
        for vertex in 0..graph.capacity() as VertexId {
            if graph.is_alive(vertex) && transform(graph, vertex) {
                did_some = true;
                continue 'again;
            }
        }
        return did_some;
    }
}

/// Joins the vertices of chains without branches; says whether there was one.
fn zip(graph: &mut SequenceGraph) -> bool {
    let starts: Vec<VertexId> = graph
        .vertices()
        .filter(|&v| is_chain_start(graph, v))
        .collect();
    let mut did_some = false;
    for start in starts {
        let chain = trace(graph, start);
        if chain.len() > 1 {
            join(graph, &chain);
            did_some = true;
        }
    }
    did_some
}

fn is_chain_start(graph: &SequenceGraph, vertex: VertexId) -> bool {
    let follows_branch = || {
        let before = graph.incoming(vertex).next();
        before.is_some_and(|(_, edge)| graph.out_degree(edge.source) > 1)
    };
    graph.out_degree(vertex) == 1 && (graph.in_degree(vertex) != 1 || follows_branch())
}

fn trace(graph: &SequenceGraph, start: VertexId) -> Vec<VertexId> {
    let is_reference = graph.is_reference(start);
    let mut chain = vec![start];
    let mut last = start;
    while let Some((_, edge)) = graph.outgoing(last).next() {
        let target = edge.target;
        let goes_on = graph.out_degree(last) == 1
            && graph.in_degree(target) == 1
            && target != last
            && graph.is_reference(target) == is_reference;
        if !goes_on || chain.len() > graph.len() {
            break;
        }
        chain.push(target);
        last = target;
    }
    chain
}

fn join(graph: &mut SequenceGraph, chain: &[VertexId]) {
    let letters: Vec<u8> = chain
        .iter()
        .flat_map(|&v| graph.payload(v).clone())
        .collect();
    let (first, last) = (chain[0], chain[chain.len() - 1]);
    let joined = graph.add_vertex(letters);
    for edge in edges(graph.outgoing(last)) {
        graph.add_edge(joined, edge.target, edge.weight());
    }
    for edge in edges(graph.incoming(first)) {
        graph.add_edge(edge.source, joined, edge.weight());
    }
    chain.iter().for_each(|&v| graph.remove_vertex(v));
}

/// Copies edges, so that the graph may change.
fn edges<'a>(
    edges: impl Iterator<Item = (super::graph::EdgeId, &'a super::graph::Edge)>,
) -> Vec<super::graph::Edge> {
    edges.map(|(_, edge)| *edge).collect()
}

/// Says whether two graphs have the same letters on the same edges.
fn is_same(a: &SequenceGraph, b: &SequenceGraph) -> bool {
    let vertices = |graph: &SequenceGraph| {
        let mut all: Vec<Vec<u8>> = graph.vertices().map(|v| graph.payload(v).clone()).collect();
        all.sort();
        all
    };
    let edges = |graph: &SequenceGraph| {
        let letters = |vertex| graph.payload(vertex).clone();
        let ends = |edge: &super::graph::Edge| (letters(edge.source), letters(edge.target));
        let mut all: Vec<_> = graph.edges().map(ends).collect();
        all.sort();
        all
    };
    vertices(a) == vertices(b) && edges(a) == edges(b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::assembly::graph::Weight;
    use proptest::prelude::*;

    fn weight(is_reference: bool) -> Weight {
        Weight {
            multiplicity: 1,
            is_reference,
        }
    }

    fn spelled(graph: &SequenceGraph) -> Vec<Vec<u8>> {
        let Some((source, sink)) = graph.reference_ends() else {
            return Vec::new();
        };
        let mut open = vec![(source, graph.payload(source).clone())];
        let mut found = Vec::new();
        while let Some((vertex, letters)) = open.pop() {
            if vertex == sink {
                found.push(letters);
                continue;
            }
            for (_, edge) in graph.outgoing(vertex) {
                let longer = [&letters[..], graph.payload(edge.target)].concat();
                open.push((edge.target, longer));
            }
        }
        found.sort();
        found.dedup();
        found
    }

    proptest! {
        #[test]
        fn simplification_keeps_the_paths(
            letters in prop::collection::vec(
                prop::collection::vec(prop::sample::select(b"ACG".to_vec()), 1..4), 3..9),
            more in prop::collection::vec((0u32..9, 0u32..9), 0..12),
        ) {
            let count = letters.len() as u32;
            let mut graph = SequenceGraph::default();
            letters.into_iter().for_each(|letters| { graph.add_vertex(letters); });
            (1..count).for_each(|v| graph.add_edge(v - 1, v, weight(true)));
            for (a, b) in more {
                if a < b && b < count {
                    graph.add_edge(a, b, weight(false));
                }
            }
            keep_paths(&mut graph);
            let before = spelled(&graph);
            simplify(&mut graph);
            prop_assert_eq!(spelled(&graph), before);
        }
    }
}
