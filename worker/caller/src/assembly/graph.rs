//! A directed graph in an arena: at most one edge from one vertex to another.
//!
//! Vertices and edges keep the order in which they were added, and so do the edges at each vertex:
//! results depend on nothing else. What is removed keeps its index and is skipped.

mod edge;

pub use edge::{Edge, Weight};

use edge::{Links, NONE};

/// Index of a vertex.
pub type VertexId = u32;

/// Index of an edge.
pub type EdgeId = u32;

#[derive(Debug, Clone)]
struct Vertex<V> {
    payload: V,
    outgoing: Links,
    incoming: Links,
    is_alive: bool,
}

/// A graph whose vertices carry a `V`.
#[derive(Debug, Clone)]
pub struct Graph<V> {
    vertices: Vec<Vertex<V>>,
    edges: Vec<Edge>,
    alive: usize,
}

impl<V> Default for Graph<V> {
    fn default() -> Self {
        Self {
            vertices: Vec::new(),
            edges: Vec::new(),
            alive: 0,
        }
    }
}

impl<V> Graph<V> {
    /// Adds a vertex.
    pub fn add_vertex(&mut self, payload: V) -> VertexId {
        self.vertices.push(Vertex {
            payload,
            outgoing: Links::EMPTY,
            incoming: Links::EMPTY,
            is_alive: true,
        });
        self.alive += 1;
        self.vertices.len() as VertexId - 1
    }

    /// Adds an edge unless there is one already, which then stays as it is.
    pub fn add_edge(&mut self, source: VertexId, target: VertexId, weight: Weight) {
        if self.edge_between(source, target).is_some() {
            return;
        }
        let id = self.edges.len() as EdgeId;
        self.edges.push(Edge {
            source,
            target,
            multiplicity: weight.multiplicity,
            reads: u32::from(!weight.is_reference) * weight.multiplicity,
            is_reference: weight.is_reference,
            next_out: NONE,
            next_in: NONE,
            is_alive: true,
        });
        let out = &mut self.vertices[source as usize].outgoing;
        let before = std::mem::replace(&mut out.last, id);
        out.count += 1;
        if before == NONE {
            out.first = id;
        } else {
            self.edges[before as usize].next_out = id;
        }
        let into = &mut self.vertices[target as usize].incoming;
        let before = std::mem::replace(&mut into.last, id);
        into.count += 1;
        if before == NONE {
            into.first = id;
        } else {
            self.edges[before as usize].next_in = id;
        }
    }

    /// Removes an edge that is there.
    pub fn remove_edge(&mut self, id: EdgeId) {
        self.edges[id as usize].is_alive = false;
        let edge = self.edges[id as usize];
        let (mut before, mut at) = (NONE, self.vertices[edge.source as usize].outgoing.first);
        while at != id {
            (before, at) = (at, self.edges[at as usize].next_out);
        }
        let out = &mut self.vertices[edge.source as usize].outgoing;
        out.unlink(before, id, edge.next_out);
        if before != NONE {
            self.edges[before as usize].next_out = edge.next_out;
        }
        let (mut before, mut at) = (NONE, self.vertices[edge.target as usize].incoming.first);
        while at != id {
            (before, at) = (at, self.edges[at as usize].next_in);
        }
        let into = &mut self.vertices[edge.target as usize].incoming;
        into.unlink(before, id, edge.next_in);
        if before != NONE {
            self.edges[before as usize].next_in = edge.next_in;
        }
    }

    /// Removes a vertex with its edges.
    pub fn remove_vertex(&mut self, vertex: VertexId) {
        loop {
            let Vertex {
                outgoing, incoming, ..
            } = &self.vertices[vertex as usize];
            match (outgoing.first, incoming.first) {
                (NONE, NONE) => break,
                (NONE, id) | (id, _) => self.remove_edge(id),
            }
        }
        let removed = &mut self.vertices[vertex as usize];
        self.alive -= usize::from(removed.is_alive);
        removed.is_alive = false;
    }

    /// Returns the vertices in the order in which they were added.
    pub fn vertices(&self) -> impl Iterator<Item = VertexId> + '_ {
        (0..self.vertices.len() as VertexId).filter(|&id| self.vertices[id as usize].is_alive)
    }

    /// Says whether a vertex was not removed.
    pub fn is_alive(&self, vertex: VertexId) -> bool {
        self.vertices[vertex as usize].is_alive
    }

    /// Returns the edges in the order in which they were added.
    pub fn edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges.iter().filter(|edge| edge.is_alive)
    }

    /// Returns the number of vertices.
    pub const fn len(&self) -> usize {
        self.alive
    }

    /// Returns one more than the largest index of a vertex so far.
    pub const fn capacity(&self) -> usize {
        self.vertices.len()
    }

    /// Returns what a vertex carries.
    pub fn payload(&self, vertex: VertexId) -> &V {
        &self.vertices[vertex as usize].payload
    }

    /// Returns an edge.
    pub fn edge(&self, id: EdgeId) -> &Edge {
        &self.edges[id as usize]
    }

    /// Returns an edge to be changed.
    pub fn edge_mut(&mut self, id: EdgeId) -> &mut Edge {
        &mut self.edges[id as usize]
    }

    /// Returns the edges that leave a vertex.
    pub fn outgoing(&self, vertex: VertexId) -> impl Iterator<Item = (EdgeId, &Edge)> + Clone {
        let first = self.vertices[vertex as usize].outgoing.first;
        self.chain(first, |edge| edge.next_out)
    }

    /// Returns the edges that enter a vertex.
    pub fn incoming(&self, vertex: VertexId) -> impl Iterator<Item = (EdgeId, &Edge)> + Clone {
        let first = self.vertices[vertex as usize].incoming.first;
        self.chain(first, |edge| edge.next_in)
    }

    fn chain(
        &self,
        first: EdgeId,
        next: impl Fn(&Edge) -> EdgeId + Clone,
    ) -> impl Iterator<Item = (EdgeId, &Edge)> + Clone {
        let mut at = first;
        std::iter::from_fn(move || {
            let edge = self.edges.get(at as usize)?;
            let id = std::mem::replace(&mut at, next(edge));
            Some((id, edge))
        })
    }

    /// Returns how many edges leave a vertex.
    pub fn out_degree(&self, vertex: VertexId) -> u32 {
        self.vertices[vertex as usize].outgoing.count
    }

    /// Returns how many edges enter a vertex.
    pub fn in_degree(&self, vertex: VertexId) -> u32 {
        self.vertices[vertex as usize].incoming.count
    }

    /// Returns the edge from one vertex to another.
    pub fn edge_between(&self, source: VertexId, target: VertexId) -> Option<EdgeId> {
        let mut edges = self.outgoing(source);
        edges
            .find(|(_, edge)| edge.target == target)
            .map(|(id, _)| id)
    }

    /// Says whether the reference runs through a vertex.
    pub fn is_reference(&self, vertex: VertexId) -> bool {
        self.enters_reference(vertex) || self.leaves_reference(vertex) || self.alive == 1
    }

    fn enters_reference(&self, vertex: VertexId) -> bool {
        self.incoming(vertex).any(|(_, edge)| edge.is_reference)
    }

    fn leaves_reference(&self, vertex: VertexId) -> bool {
        self.outgoing(vertex).any(|(_, edge)| edge.is_reference)
    }

    /// Says whether the reference begins at a vertex.
    pub fn is_reference_source(&self, vertex: VertexId) -> bool {
        !self.enters_reference(vertex) && (self.leaves_reference(vertex) || self.alive == 1)
    }

    /// Says whether the reference ends at a vertex.
    pub fn is_reference_sink(&self, vertex: VertexId) -> bool {
        !self.leaves_reference(vertex) && (self.enters_reference(vertex) || self.alive == 1)
    }

    /// Returns the vertices where the reference begins and ends.
    pub fn reference_ends(&self) -> Option<(VertexId, VertexId)> {
        let source = self.vertices().find(|&v| self.is_reference_source(v))?;
        let sink = self.vertices().find(|&v| self.is_reference_sink(v))?;
        Some((source, sink))
    }

    /// Marks what is reached from a vertex, along the edges, against them, or both ways.
    pub fn reached(&self, start: VertexId, directions: Directions) -> Vec<bool> {
        let mut reached = vec![false; self.vertices.len()];
        let mut open = vec![start];
        while let Some(vertex) = open.pop() {
            if std::mem::replace(&mut reached[vertex as usize], true) {
                continue;
            }
            if directions != Directions::Backward {
                open.extend(self.outgoing(vertex).map(|(_, edge)| edge.target));
            }
            if directions != Directions::Forward {
                open.extend(self.incoming(vertex).map(|(_, edge)| edge.source));
            }
        }
        reached
    }

    /// Says whether some path comes back to where it began.
    pub fn has_cycle(&self) -> bool {
        let mut waiting: Vec<u32> = (0..self.capacity() as u32)
            .map(|vertex| self.in_degree(vertex))
            .collect();
        let sources = self.vertices().filter(|&v| self.in_degree(v) == 0);
        let mut open: Vec<VertexId> = sources.collect();
        let mut done = 0;
        while let Some(vertex) = open.pop() {
            done += 1;
            for (_, edge) in self.outgoing(vertex) {
                let left = &mut waiting[edge.target as usize];
                *left -= 1;
                if *left == 0 {
                    open.push(edge.target);
                }
            }
        }
        done < self.alive
    }
}

/// Which way edges are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Directions {
    /// From source to target.
    Forward,
    /// From target to source.
    Backward,
    /// Either way.
    Both,
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Weight = Weight {
        multiplicity: 1,
        is_reference: false,
    };

    fn graph(vertices: u32, edges: &[(u32, u32)]) -> Graph<()> {
        let mut graph = Graph::default();
        (0..vertices).for_each(|_| {
            graph.add_vertex(());
        });
        for &(source, target) in edges {
            graph.add_edge(source, target, PLAIN);
        }
        graph
    }

    #[test]
    fn removal_keeps_the_order_of_the_others() {
        let mut graph = graph(5, &[(0, 1), (0, 2), (0, 3), (4, 3)]);
        graph.remove_vertex(2);
        let targets: Vec<_> = graph.outgoing(0).map(|(_, edge)| edge.target).collect();
        assert_eq!(
            (targets, graph.out_degree(0), graph.len()),
            (vec![1, 3], 2, 4)
        );
        graph.add_edge(0, 4, PLAIN);
        let last = graph.edge_between(0, 3).unwrap();
        graph.remove_edge(last);
        let targets: Vec<_> = graph.outgoing(0).map(|(_, edge)| edge.target).collect();
        assert_eq!((targets, graph.in_degree(3)), (vec![1, 4], 1));
    }

    #[test]
    fn second_edge_between_two_vertices_is_ignored() {
        let mut graph = graph(2, &[(0, 1)]);
        let heavy = Weight {
            multiplicity: 9,
            is_reference: true,
        };
        graph.add_edge(0, 1, heavy);
        assert_eq!((graph.out_degree(0), graph.edge(0).multiplicity), (1, 1));
    }

    #[test]
    fn cycles_are_found() {
        assert!(!graph(4, &[(0, 1), (1, 2), (0, 2), (2, 3)]).has_cycle());
        assert!(graph(4, &[(0, 1), (1, 2), (2, 1), (2, 3)]).has_cycle());
        assert!(graph(1, &[(0, 0)]).has_cycle());
    }
}
