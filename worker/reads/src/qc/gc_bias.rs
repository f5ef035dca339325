//! How many reads start where the reference has which share of G and C, as Picard's
//! `CollectGcBiasMetrics` counts.

use genome::cigar::CigarKind;
use genome::record::Flags;
use genome::reference::Reference;
use genome::region::Region;

use super::sight::{self, Sight};
use crate::container::{Decoder, Error, put_varint};

/// Shares are told apart in hundredths.
pub const BINS: usize = 101;

/// Length of a window: Picard's `SCAN_WINDOW_SIZE`.
pub const WINDOW_BP: u64 = 100;

/// A window with more ambiguous letters has no share.
const MAX_AMBIGUOUS: u32 = 4;

/// Windows between two looks at the reference.
const STRETCH_BP: u64 = 1 << 16;

/// The reads of one read group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GcCounts {
    /// First reads and reads without a mate.
    pub clusters: u64,
    /// Mapped records.
    pub aligned: u64,
    /// Records by share of their window.
    pub reads: Vec<u64>,
    /// Their bases.
    pub bases: Vec<u64>,
    /// Their bases that are not the reference's, and inserted and deleted ones.
    pub errors: Vec<u64>,
}

impl Default for GcCounts {
    fn default() -> Self {
        Self {
            clusters: 0,
            aligned: 0,
            reads: vec![0; BINS],
            bases: vec![0; BINS],
            errors: vec![0; BINS],
        }
    }
}

impl GcCounts {
    /// Counts a record, of whatever kind; `letters` is room for a window.
    pub(super) fn add(&mut self, sight: Sight<'_>, of: &Reference<'_>, letters: &mut Vec<u8>) {
        let flags = sight.record.flags();
        if sight.bases.is_empty() {
            return;
        }
        self.clusters += u64::from(!flags.is_paired() || flags.has(Flags::FIRST));
        if flags.is_unmapped() {
            return;
        }
        self.aligned += 1;
        let Some(bin) = window_of(sight, of, letters) else {
            return;
        };
        let moved = |kind: CigarKind| matches!(kind, CigarKind::Insertion | CigarKind::Deletion);
        let ops = sight.record.cigar().filter(|op| moved(op.kind()));
        let gaps: u64 = ops.map(|op| u64::from(op.len())).sum();
        self.reads[bin] += 1;
        self.bases[bin] += sight.bases.len() as u64;
        self.errors[bin] += sight.mismatches() + gaps;
    }

    /// Adds other counts.
    pub fn merge(&mut self, other: &Self) {
        self.clusters += other.clusters;
        self.aligned += other.aligned;
        add_all(&mut self.reads, &other.reads);
        add_all(&mut self.bases, &other.bases);
        add_all(&mut self.errors, &other.errors);
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        put_varint(out, self.clusters);
        put_varint(out, self.aligned);
        for counts in [&self.reads, &self.bases, &self.errors] {
            put_bins(counts, out);
        }
    }

    pub(super) fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        Ok(Self {
            clusters: fields.varint()?,
            aligned: fields.varint()?,
            reads: take_bins(fields)?,
            bases: take_bins(fields)?,
            errors: take_bins(fields)?,
        })
    }
}

/// Returns the share of the window in which a mapped record starts: `None` where it has none.
///
/// Picard takes the 1-based start for a 0-based one, and windows past the last for windows of 0.
fn window_of(sight: Sight<'_>, reference: &Reference<'_>, letters: &mut Vec<u8>) -> Option<usize> {
    let record = sight.record;
    let contig = record.contig()?;
    let length = reference.dictionary().contig(contig).length;
    let position = u64::from(record.position()?);
    let start = match record.flags().is_reverse() {
        true => u64::from(record.end()?).checked_sub(WINDOW_BP)?,
        false => position + 1,
    };
    if start == 0 {
        return None;
    }
    if start + WINDOW_BP >= length {
        return Some(0);
    }
    let under = start.checked_sub(position).and_then(|first| {
        let window = first as usize..(first + WINDOW_BP) as usize;
        sight.reference.get(window)
    });
    if let Some(under) = under {
        return Window::of(under).share();
    }
    letters.clear();
    reference.fetch(Region::new(contig, start, start + WINDOW_BP), letters);
    Window::of(letters).share()
}

/// Counts the windows of some regions of a reference by their share.
pub fn windows(reference: &Reference<'_>, regions: &[Region]) -> Vec<u64> {
    let mut counts = vec![0; BINS];
    let mut letters = Vec::new();
    for region in regions {
        let length = reference.dictionary().contig(region.contig).length;
        let end = region.end.min(length.saturating_sub(WINDOW_BP));
        let mut start = region.start.max(1);
        while start < end {
            let next = end.min(start + STRETCH_BP);
            letters.clear();
            let stretch = Region::new(region.contig, start, next - 1 + WINDOW_BP);
            reference.fetch(stretch, &mut letters);
            count_windows(&letters, &mut counts);
            start = next;
        }
    }
    counts
}

fn count_windows(letters: &[u8], counts: &mut [u64]) {
    let (first, rest) = letters.split_at(WINDOW_BP as usize);
    let mut window = Window::of(first);
    let count = |window: &Window, counts: &mut [u64]| {
        if let Some(bin) = window.share() {
            counts[bin] += 1;
        }
    };
    count(&window, counts);
    for (&left, &entered) in letters.iter().zip(rest) {
        window.leave(left);
        window.enter(entered);
        count(&window, counts);
    }
}

/// Letters in view.
#[derive(Debug, Default)]
struct Window {
    strong: u32,
    ambiguous: u32,
}

impl Window {
    fn of(letters: &[u8]) -> Self {
        Self {
            strong: sight::count(letters, is_strong) as u32,
            ambiguous: sight::count(letters, |letter| letter == b'N') as u32,
        }
    }

    fn enter(&mut self, letter: u8) {
        self.strong += u32::from(is_strong(letter));
        self.ambiguous += u32::from(letter == b'N');
    }

    fn leave(&mut self, letter: u8) {
        self.strong -= u32::from(is_strong(letter));
        self.ambiguous -= u32::from(letter == b'N');
    }

    /// Returns the share in hundredths, which is the number, as the window has 100 letters.
    fn share(&self) -> Option<usize> {
        (self.ambiguous <= MAX_AMBIGUOUS).then_some(self.strong as usize)
    }
}

const fn is_strong(letter: u8) -> bool {
    (letter == b'G') | (letter == b'C')
}

pub(super) fn add_all(mine: &mut [u64], theirs: &[u64]) {
    for (mine, theirs) in mine.iter_mut().zip(theirs) {
        *mine += theirs;
    }
}

pub(super) fn put_bins(counts: &[u64], out: &mut Vec<u8>) {
    counts.iter().for_each(|&count| put_varint(out, count));
}

pub(super) fn take_bins(fields: &mut Decoder<'_>) -> Result<Vec<u64>, Error> {
    (0..BINS).map(|_| fields.varint()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use genome::dictionary::{Contig, Dictionary};
    use genome::region::ContigId;

    #[test]
    fn parts_of_a_contig_have_the_windows_of_the_whole() {
        let contigs = vec![Contig {
            name: "a".into(),
            length: 400,
        }];
        let dictionary = Dictionary::new(contigs);
        let packed: Vec<u8> = (0..100u32).map(|at| (at * 37 % 251) as u8).collect();
        let runs = [genome::reference::AmbiguousRun {
            start: 130,
            length: 6,
            letter: b'N',
        }];
        let reference = Reference::new(&dictionary, &packed, &runs);
        let region = |start, end| Region::new(ContigId(0), start, end);
        let whole = windows(&reference, &[region(0, 400)]);
        // Windows start at 1 to 299; those at 35 to 131 hold more than four of the letters N.
        assert_eq!(whole.iter().sum::<u64>(), 299 - 97);
        let mut parts = windows(&reference, &[region(0, 77), region(77, 290)]);
        add_all(&mut parts, &windows(&reference, &[region(290, 400)]));
        assert_eq!(parts, whole);
    }
}
