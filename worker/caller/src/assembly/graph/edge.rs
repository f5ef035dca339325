//! Edges, and the lists in which a vertex holds them.

use super::{EdgeId, VertexId};

/// No edge.
pub(super) const NONE: EdgeId = EdgeId::MAX;

/// An edge and its weight.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// Where it comes from.
    pub source: VertexId,
    /// Where it goes to.
    pub target: VertexId,
    /// How many sequences follow it.
    pub multiplicity: u32,
    /// How many reads follow it.
    pub reads: u32,
    /// Whether the reference follows it.
    pub is_reference: bool,
    pub(super) next_out: EdgeId,
    pub(super) next_in: EdgeId,
    pub(super) is_alive: bool,
}

/// The weight of a new edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// How many sequences follow it.
    pub multiplicity: u32,
    /// Whether the reference follows it.
    pub is_reference: bool,
}

impl Edge {
    /// Returns the weight.
    pub const fn weight(&self) -> Weight {
        Weight {
            multiplicity: self.multiplicity,
            is_reference: self.is_reference,
        }
    }
}

/// The edges on one side of a vertex, linked through the edges.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links {
    pub(super) first: EdgeId,
    pub(super) last: EdgeId,
    pub(super) count: u32,
}

impl Links {
    pub(super) const EMPTY: Self = Self {
        first: NONE,
        last: NONE,
        count: 0,
    };

    /// Takes out the edge `id`, which stands between `before` and `next`.
    pub(super) fn unlink(&mut self, before: EdgeId, id: EdgeId, next: EdgeId) {
        self.count -= 1;
        if self.first == id {
            self.first = next;
        }
        if self.last == id {
            self.last = before;
        }
    }
}
