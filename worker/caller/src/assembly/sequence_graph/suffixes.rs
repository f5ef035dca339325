//! Branches that come together, split and merged where they end alike.

use super::{SequenceGraph, edges};
use crate::assembly::graph::{VertexId, Weight};

/// Splits what all vertices before one end with off them; once for each vertex in `tried`.
pub fn split_once(graph: &mut SequenceGraph, vertex: VertexId, tried: &mut Vec<VertexId>) -> bool {
    if tried.contains(&vertex) {
        return false;
    }
    tried.push(vertex);
    let before = sources(graph, vertex);
    if before.len() < 2 || !may_split(graph, vertex, &before) {
        return false;
    }
    let suffix = shared_suffix(graph, &before);
    let is_whole = |v: VertexId| graph.payload(v).len() == suffix.len();
    let start = before.iter().find(|&&v| graph.is_reference_source(v));
    let loses_start = start.is_some_and(|&v| is_whole(v));
    if suffix.is_empty() || loses_start || before.iter().all(|&v| is_whole(v)) {
        return false;
    }
    for &middle in &before {
        split(graph, middle, vertex, &suffix);
    }
    before.iter().for_each(|&v| graph.remove_vertex(v));
    true
}

fn sources(graph: &SequenceGraph, vertex: VertexId) -> Vec<VertexId> {
    graph
        .incoming(vertex)
        .map(|(_, edge)| edge.source)
        .collect()
}

fn may_split(graph: &SequenceGraph, vertex: VertexId, before: &[VertexId]) -> bool {
    before.iter().all(|&middle| {
        middle != vertex
            && graph.out_degree(middle) == 1
            && graph.edge_between(vertex, middle).is_none()
    })
}

fn shared_suffix(graph: &SequenceGraph, vertices: &[VertexId]) -> Vec<u8> {
    let first = graph.payload(vertices[0]);
    let shared = vertices.iter().map(|&v| {
        let pairs = graph.payload(v).iter().rev().zip(first.iter().rev());
        pairs.take_while(|(a, b)| a == b).count()
    });
    let length = shared.min().unwrap_or(0);
    first[first.len() - length..].to_vec()
}

/// Adds a vertex with the suffix and one with what lies before it, in place of `middle`.
fn split(graph: &mut SequenceGraph, middle: VertexId, vertex: VertexId, suffix: &[u8]) {
    let Some((_, leaving)) = graph.outgoing(middle).next() else {
        return;
    };
    let leaving = leaving.weight();
    let end = graph.add_vertex(suffix.to_vec());
    let letters = graph.payload(middle);
    let rest = letters[..letters.len() - suffix.len()].to_vec();
    let mut start = end;
    if !rest.is_empty() {
        start = graph.add_vertex(rest);
        let joint = Weight {
            multiplicity: 1,
            is_reference: leaving.is_reference,
        };
        graph.add_edge(start, end, joint);
    }
    graph.add_edge(end, vertex, leaving);
    for edge in edges(graph.incoming(middle)) {
        graph.add_edge(edge.source, start, edge.weight());
    }
}

/// Puts the vertices before one into it, where all of them spell the same.
pub fn merge(graph: &mut SequenceGraph, vertex: VertexId) -> bool {
    let before = sources(graph, vertex);
    let Some(&first) = before.first() else {
        return false;
    };
    let may_merge = before.iter().all(|&one| {
        graph.payload(one) == graph.payload(first)
            && graph.out_degree(one) == 1
            && graph.in_degree(one) > 0
    });
    if !may_merge {
        return false;
    }
    let letters = [&graph.payload(first)[..], graph.payload(vertex)].concat();
    let merged = graph.add_vertex(letters);
    for &one in &before {
        for edge in edges(graph.incoming(one)) {
            graph.add_edge(edge.source, merged, edge.weight());
        }
    }
    for edge in edges(graph.outgoing(vertex)) {
        graph.add_edge(merged, edge.target, edge.weight());
    }
    before.iter().for_each(|&v| graph.remove_vertex(v));
    graph.remove_vertex(vertex);
    true
}
