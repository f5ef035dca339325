//! Chaining: seeds that lie near one another on read and reference become one chain.

mod filter;
mod tree;

pub(crate) use filter::ChainFilter;

use crate::context::Context;
use crate::smem::{Smem, repeat_fraction, rows_used};
use std::ops::Range;
use tree::Tree;

/// A seed at one place of the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Anchor {
    /// First reference position, over both strands.
    pub reference: i64,
    /// First position in the read.
    pub query: i32,
    /// Length in bp.
    pub length: i32,
    /// Score that decides the order of extension.
    pub score: i32,
}

impl Anchor {
    /// Returns one past the last reference position.
    pub const fn reference_end(&self) -> i64 {
        self.reference + self.length as i64
    }

    /// Returns one past the last position in the read.
    pub const fn query_end(&self) -> i32 {
        self.query + self.length
    }
}

/// A chain of anchors.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Chain {
    /// Contig of all anchors.
    pub contig: u32,
    /// Whether the contig is an alternate one.
    pub is_alternate: bool,
    /// Bases covered on the read or the reference, whichever are fewer.
    pub weight: i32,
    /// First of its anchors in [`Chainer::anchors`].
    pub first: u32,
    /// One past the last of its anchors.
    pub end: u32,
}

impl Chain {
    /// Returns where its anchors are.
    pub const fn range(&self) -> Range<usize> {
        self.first as usize..self.end as usize
    }
}

const NO_NODE: u32 = u32::MAX;

/// A chain while it grows: a linked list of anchors.
#[derive(Debug, Clone, Copy)]
struct Growing {
    contig: u32,
    first: Anchor,
    last: Anchor,
    first_node: u32,
    last_node: u32,
}

/// The chains of one read, and the memory to build them.
#[derive(Debug, Default)]
pub(crate) struct Chainer {
    /// Chains in the order of the tree.
    pub chains: Vec<Chain>,
    /// Anchors of all chains.
    pub anchors: Vec<Anchor>,
    /// Fraction of the read in very frequent seeds.
    pub repeat_fraction: f32,
    growing: Vec<Growing>,
    nodes: Vec<(Anchor, u32)>,
    tree: Tree,
    order: Vec<u32>,
}

impl Chainer {
    /// Chains the seeds of a read.
    pub fn build(
        &mut self,
        context: &Context<'_>,
        (smems, places): (&[Smem], &[u64]),
        read_length: usize,
    ) {
        self.growing.clear();
        self.nodes.clear();
        self.tree.clear();
        self.chains.clear();
        self.anchors.clear();
        let most = context.options.max_occurrences;
        self.repeat_fraction = repeat_fraction(smems, most, read_length);
        let mut located = 0;
        for smem in smems {
            let range = match smem.place {
                Some(_) => 0..1,
                None => located..located + rows_used(smem, most).len(),
            };
            for at in range {
                let place = smem.place.unwrap_or_else(|| {
                    located = at + 1;
                    places[at]
                });
                let anchor = Anchor {
                    reference: place.cast_signed(),
                    query: smem.start as i32,
                    length: (smem.end - smem.start) as i32,
                    score: (smem.end - smem.start) as i32,
                };
                self.add(context, anchor);
            }
        }
        self.flatten(context);
    }

    fn add(&mut self, context: &Context<'_>, anchor: Anchor) {
        let index = context.index;
        let Some(contig) = index.contig_of(anchor.reference, anchor.reference_end()) else {
            return;
        };
        if let Some(chain) = self.tree.floor(anchor.reference) {
            let chain = &mut self.growing[chain as usize];
            match chain.place(context, contig, &anchor) {
                Place::Inside => return,
                Place::Behind => {
                    let node = self.nodes.len() as u32;
                    self.nodes[chain.last_node as usize].1 = node;
                    self.nodes.push((anchor, NO_NODE));
                    (chain.last, chain.last_node) = (anchor, node);
                    return;
                }
                Place::Elsewhere => {}
            }
        }
        let node = self.nodes.len() as u32;
        self.nodes.push((anchor, NO_NODE));
        let chain = self.growing.len() as u32;
        self.growing.push(Growing {
            contig,
            first: anchor,
            last: anchor,
            first_node: node,
            last_node: node,
        });
        self.tree.insert(anchor.reference, chain);
    }

    /// Copies chains and anchors out in the order of the tree.
    fn flatten(&mut self, context: &Context<'_>) {
        self.order.clear();
        self.tree.in_order(&mut self.order);
        for &chain in &self.order {
            let chain = &self.growing[chain as usize];
            let first = self.anchors.len() as u32;
            let mut node = chain.first_node;
            while node != NO_NODE {
                let (anchor, next) = self.nodes[node as usize];
                self.anchors.push(anchor);
                node = next;
            }
            let end = self.anchors.len() as u32;
            self.chains.push(Chain {
                contig: chain.contig,
                is_alternate: context.is_alternate(chain.contig),
                weight: filter::weight(&self.anchors[first as usize..]),
                first,
                end,
            });
        }
    }
}

/// Where an anchor lies with respect to a chain.
enum Place {
    Inside,
    Behind,
    Elsewhere,
}

impl Growing {
    fn place(&self, context: &Context<'_>, contig: u32, anchor: &Anchor) -> Place {
        let options = context.options;
        if contig != self.contig {
            return Place::Elsewhere;
        }
        let (first, last) = (&self.first, &self.last);
        if anchor.query >= first.query
            && anchor.query_end() <= last.query_end()
            && anchor.reference >= first.reference
            && anchor.reference_end() <= last.reference_end()
        {
            return Place::Inside;
        }
        let strand = context.index.strand_length();
        let begins_forward = last.reference < strand || first.reference < strand;
        if begins_forward && anchor.reference >= strand {
            return Place::Elsewhere;
        }
        let along_query = i64::from(anchor.query - last.query);
        let along_reference = anchor.reference - last.reference;
        let length = i64::from(last.length);
        let gap = i64::from(options.max_chain_gap);
        let fits = along_reference >= 0
            && (along_query - along_reference).abs() <= i64::from(options.band_width)
            && along_query - length < gap
            && along_reference - length < gap;
        if fits {
            Place::Behind
        } else {
            Place::Elsewhere
        }
    }
}
