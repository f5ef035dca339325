//! The graph of k-mers that the reference and the reads spell.
//!
//! A vertex is one k-mer in one context: k-mers that repeat within some sequence are never merged.
//! An edge adds one letter.
//!
//! Source: GATK 4.6 `ReadThreadingGraph`.

use super::graph::{Graph, VertexId, Weight};
use super::kmers::Kmers;
use crate::region_read::RegionRead;

const NONE: VertexId = VertexId::MAX;

/// The graph with its k-mers.
#[derive(Debug)]
pub struct ThreadingGraph {
    /// Each vertex carries the place of its k-mer in `kmers`.
    pub graph: Graph<u32>,
    /// The k-mers.
    pub kmers: Kmers,
    /// The vertex that stands for each k-mer, where one is tracked.
    tracked: Vec<VertexId>,
    tracked_count: usize,
    repeated: Vec<bool>,
    repeated_count: usize,
    reference_start: u32,
}

/// A stretch of a sequence without bad bases.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    place: u32,
    start: usize,
    end: usize,
    is_reference: bool,
}

/// Says whether a k-mer occurs twice in a sequence.
pub fn repeats(sequence: &[u8], k: usize) -> bool {
    let mut kmers = Kmers::new(k, sequence.len());
    kmers.push(sequence);
    sequence.len() >= k && kmers.len() < sequence.len() - k + 1
}

impl ThreadingGraph {
    /// Threads the reference, then the reads; bases below `minimum_quality` are left out.
    ///
    /// The reference has at least `k` letters.
    pub fn new(reference: &[u8], reads: &[RegionRead], k: usize, minimum_quality: u8) -> Self {
        let letters = reads.iter().map(RegionRead::len).sum::<usize>() + reference.len();
        let mut kmers = Kmers::new(k, letters);
        let mut stretches = vec![Stretch {
            place: kmers.push(reference),
            start: 0,
            end: reference.len(),
            is_reference: true,
        }];
        for read in reads {
            add_stretches(read, minimum_quality, &mut kmers, &mut stretches);
        }
        let mut threading = Self {
            graph: Graph::default(),
            tracked: vec![NONE; kmers.len()],
            tracked_count: 0,
            repeated: vec![false; kmers.len()],
            repeated_count: 0,
            reference_start: kmers.number(0),
            kmers,
        };
        threading.find_repeats(&stretches);
        for stretch in &stretches {
            threading.thread(stretch);
        }
        threading
    }

    /// Returns the last letter of a vertex.
    pub fn suffix(&self, vertex: VertexId) -> u8 {
        self.kmer(vertex)[self.kmers.k() - 1]
    }

    /// Returns the letters of a vertex.
    pub fn kmer(&self, vertex: VertexId) -> &[u8] {
        self.kmers.kmer(*self.graph.payload(vertex))
    }

    /// Says whether more than a quarter as many k-mers repeat as are tracked.
    pub const fn is_repetitive(&self) -> bool {
        self.repeated_count * 4 > self.tracked_count
    }

    /// Removes a vertex; its k-mer is no longer tracked.
    pub fn remove_vertex(&mut self, vertex: VertexId) {
        let number = self.kmers.number(*self.graph.payload(vertex)) as usize;
        if let Some(tracked) = self.tracked.get_mut(number)
            && *tracked != NONE
        {
            *tracked = NONE;
            self.tracked_count -= 1;
        }
        self.graph.remove_vertex(vertex);
    }

    /// Finds the k-mers that repeat within one sequence, scanned from its first base to the end of
    /// each stretch.
    fn find_repeats(&mut self, stretches: &[Stretch]) {
        let mut seen_in = vec![u32::MAX; self.kmers.len()];
        for (index, stretch) in stretches.iter().enumerate() {
            let next = stretches.get(index + 1);
            if next.is_some_and(|next| next.place == stretch.place) {
                continue;
            }
            for offset in 0..=stretch.end - self.kmers.k() {
                let number = self.kmers.number(stretch.place + offset as u32) as usize;
                let before = std::mem::replace(&mut seen_in[number], stretch.place);
                if before == stretch.place && !self.repeated[number] {
                    self.repeated[number] = true;
                    self.repeated_count += 1;
                }
            }
        }
    }

    fn thread(&mut self, stretch: &Stretch) {
        let k = self.kmers.k();
        let is_start = |offset: &usize| {
            let number = self.kmers.number(stretch.place + *offset as u32);
            stretch.is_reference || !self.repeated[number as usize]
        };
        let mut offsets = stretch.start..stretch.end - k;
        let Some(start) = (if stretch.is_reference {
            Some(0)
        } else {
            offsets.find(is_start)
        }) else {
            return;
        };
        let place = stretch.place + start as u32;
        let mut vertex = match self.tracked[self.kmers.number(place) as usize] {
            NONE => self.create(place),
            tracked => tracked,
        };
        self.count_backwards(vertex, place, stretch.is_reference);
        for offset in start + 1..=stretch.end - k {
            vertex = self.extend(vertex, stretch.place + offset as u32, stretch.is_reference);
        }
    }

    fn create(&mut self, place: u32) -> VertexId {
        let vertex = self.graph.add_vertex(place);
        let number = self.kmers.number(place) as usize;
        if !self.repeated[number] && self.tracked[number] == NONE {
            self.tracked[number] = vertex;
            self.tracked_count += 1;
        }
        vertex
    }

    /// Counts the letters of the first k-mer on the way that leads to its vertex.
    fn count_backwards(&mut self, start: VertexId, place: u32, is_reference: bool) {
        let mut vertex = start;
        for offset in (0..self.kmers.k().saturating_sub(1)).rev() {
            if self.graph.in_degree(vertex) != 1 {
                return;
            }
            let Some((id, edge)) = self.graph.incoming(vertex).next() else {
                return;
            };
            let before = edge.source;
            if self.suffix(before) != self.kmers.kmer(place)[offset] {
                return;
            }
            self.count(id, is_reference);
            vertex = before;
        }
    }

    fn count(&mut self, edge: u32, is_reference: bool) {
        let edge = self.graph.edge_mut(edge);
        edge.multiplicity += 1;
        edge.reads += u32::from(!is_reference);
    }

    fn extend(&mut self, vertex: VertexId, place: u32, is_reference: bool) -> VertexId {
        let letter = self.kmers.kmer(place)[self.kmers.k() - 1];
        let edges = self.graph.outgoing(vertex);
        let ways = edges.map(|(id, edge)| (id, edge.target));
        let way = ways
            .into_iter()
            .find(|&(_, target)| self.suffix(target) == letter);
        if let Some((id, target)) = way {
            self.count(id, is_reference);
            return target;
        }
        let number = self.kmers.number(place);
        let tracked = self.tracked[number as usize];
        let next = if tracked == NONE || number == self.reference_start {
            self.create(place)
        } else {
            tracked
        };
        let weight = Weight {
            multiplicity: 1,
            is_reference,
        };
        self.graph.add_edge(vertex, next, weight);
        next
    }
}

/// Adds the stretches of a read whose bases are known and good, if they hold a k-mer.
fn add_stretches(
    read: &RegionRead,
    minimum_quality: u8,
    kmers: &mut Kmers,
    stretches: &mut Vec<Stretch>,
) {
    let is_good =
        |index: usize| read.bases[index] != b'N' && read.qualities[index] >= minimum_quality;
    let mut place = None;
    let mut index = 0;
    while index < read.len() {
        let start = index;
        while index < read.len() && is_good(index) {
            index += 1;
        }
        if index - start >= kmers.k() {
            let place = *place.get_or_insert_with(|| kmers.push(&read.bases));
            stretches.push(Stretch {
                place,
                start,
                end: index,
                is_reference: false,
            });
        }
        index += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Draft, ops};

    fn read(bases: &[u8]) -> RegionRead {
        let draft = Draft {
            bases: bases.to_vec(),
            qualities: vec![30; bases.len()],
            cigar: ops(&format!("{}M", bases.len())),
            ..Draft::default()
        };
        draft.read(0)
    }

    #[test]
    fn variant_makes_a_bubble_that_reads_count() {
        let reference = b"ACGTTGCATCGA";
        let reads = [read(b"ACGTTCCATCGA"), read(b"CGTTCCATC")];
        let threading = ThreadingGraph::new(reference, &reads, 4, 10);
        let graph = &threading.graph;
        assert_eq!(graph.len(), 9 + 4);
        let start = graph
            .outgoing(1)
            .map(|(_, edge)| (edge.is_reference, edge.reads));
        assert_eq!(start.collect::<Vec<_>>(), [(true, 0), (false, 2)]);
        assert!(!graph.has_cycle());
    }

    #[test]
    fn repeats_are_not_merged() {
        assert!(repeats(b"ACGTACGT", 4) && !repeats(b"ACGTACG", 4));
        let threading = ThreadingGraph::new(b"ACGTACGTACGT", &[], 4, 10);
        assert_eq!(threading.graph.len(), 9);
        assert!(!threading.graph.has_cycle() && threading.is_repetitive());
    }
}
