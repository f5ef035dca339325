//! A local alignment of a read, before it becomes a record.

/// A local alignment, in coordinates over both strands.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Alignment {
    /// First reference position.
    pub reference_start: i64,
    /// One past the last reference position.
    pub reference_end: i64,
    /// First position in the read.
    pub query_start: i32,
    /// One past the last position in the read.
    pub query_end: i32,
    /// Contig.
    pub contig: u32,
    /// Best local score.
    pub score: i32,
    /// Score of the stretch actually taken; 0 after a rescue.
    pub true_score: i32,
    /// Score of the best competing alignment.
    pub sub_score: i32,
    /// Score of the alternate-contig alignment that masks this one.
    pub alternate_score: i32,
    /// Score of the second best place of a rescue.
    pub tandem_score: i32,
    /// Number of competing alignments of about the same score.
    pub sub_count: i32,
    /// Band used by the extension.
    pub band: i32,
    /// Bases of the read in seeds.
    pub seed_coverage: i32,
    /// Length of the seed it grew from.
    pub seed_length: i32,
    /// Better alignment that overlaps on the read.
    pub parent: Parent,
    /// The same, alternate contigs counted.
    pub family: Option<u32>,
    /// Whether the contig is an alternate one.
    pub is_alternate: bool,
    /// Fraction of the read covered by very frequent seeds.
    pub repeat_fraction: f32,
    /// Tie-break.
    pub hash: u64,
}

/// Whether an alignment is primary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Parent {
    /// It is.
    #[default]
    None,
    /// It is masked by the one with this index.
    Index(u32),
    /// It lies on an alternate contig and is masked by some other.
    OfAlternate,
}

impl Alignment {
    /// Says whether no better alignment masks this one.
    pub fn is_primary(&self) -> bool {
        self.parent == Parent::None
    }

    /// Returns the length on the read.
    pub const fn query_span(&self) -> i32 {
        self.query_end - self.query_start
    }

    /// Returns the length on the reference.
    pub const fn reference_span(&self) -> i64 {
        self.reference_end - self.reference_start
    }

    /// Says whether both overlap on the read by at least `level` of the shorter.
    pub fn overlaps_on_query(&self, other: &Self, level: f32) -> bool {
        let start = self.query_start.max(other.query_start);
        let end = self.query_end.min(other.query_end);
        let shorter = self.query_span().min(other.query_span());
        end > start && (end - start) as f32 >= shorter as f32 * level
    }
}
