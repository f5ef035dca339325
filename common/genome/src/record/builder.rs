//! Writing records into an arena.

use super::flags::Flags;
use super::long_cigar;
use super::tags::Tag;
use super::view::RecordView;
use super::{bin, nibble};
use crate::cigar::{self, CigarOp};
use crate::region::ContigId;

/// The fields of a record before its tags.
#[derive(Debug, Clone, Copy)]
pub struct NewRecord<'a> {
    /// Read name, 1–254 bytes.
    pub name: &'a [u8],
    /// FLAG.
    pub flags: Flags,
    /// Contig and 0-based position, if placed.
    pub placed: Option<(ContigId, u32)>,
    /// MAPQ.
    pub mapping_quality: u8,
    /// CIGAR; empty for `*`.
    pub cigar: &'a [CigarOp],
    /// Contig and 0-based position of the mate, if placed.
    pub mate: Option<(ContigId, u32)>,
    /// TLEN in bp.
    pub template_length: i32,
    /// Bases as letters on the forward strand; empty for `*`.
    pub bases: &'a [u8],
    /// Raw Phred qualities on the forward strand; empty for `*`.
    pub qualities: &'a [u8],
}

/// Records in one arena, each with the index of the read it belongs to.
#[derive(Debug, Clone, Default)]
pub struct Records {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: usize,
    read: u32,
}

impl Records {
    /// Appends a record of the read with this index in its batch; tags may follow.
    pub fn push(&mut self, read: u32, record: &NewRecord<'_>) {
        self.entries.push(Entry {
            start: self.bytes.len(),
            read,
        });
        let span = cigar::reference_span(record.cigar.iter().copied()).max(1);
        let bin = record.placed.map_or(4680, |(_, position)| {
            bin(u64::from(position), u64::from(position) + span)
        });
        let stand_in = long_cigar::stand_in(record.cigar, record.bases.len());
        let ops = stand_in.as_ref().map_or(record.cigar, |ops| &ops[..]);
        let bytes = &mut self.bytes;
        put_place(bytes, record.placed);
        bytes.push(record.name.len() as u8 + 1);
        bytes.push(record.mapping_quality);
        bytes.extend_from_slice(&bin.to_le_bytes());
        bytes.extend_from_slice(&(ops.len() as u16).to_le_bytes());
        bytes.extend_from_slice(&record.flags.0.to_le_bytes());
        bytes.extend_from_slice(&(record.bases.len() as u32).to_le_bytes());
        put_place(bytes, record.mate);
        bytes.extend_from_slice(&record.template_length.to_le_bytes());
        bytes.extend_from_slice(record.name);
        bytes.push(0);
        for op in ops {
            bytes.extend_from_slice(&op.packed().to_le_bytes());
        }
        let pack = |pair: &[u8]| nibble(pair[0]) << 4 | pair.get(1).map_or(0, |&b| nibble(b));
        bytes.extend(record.bases.chunks(2).map(pack));
        if record.qualities.is_empty() {
            bytes.extend(std::iter::repeat_n(0xFF, record.bases.len()));
        } else {
            bytes.extend_from_slice(record.qualities);
        }
        if stand_in.is_some() {
            long_cigar::append_tag(record.cigar, bytes);
        }
    }

    /// Appends an already encoded record, tags included.
    pub fn push_view(&mut self, read: u32, record: RecordView<'_>) {
        self.entries.push(Entry {
            start: self.bytes.len(),
            read,
        });
        self.bytes.extend_from_slice(record.bytes());
    }

    /// Adds an integer tag to the last record, in the narrowest BAM type as htslib chooses it.
    pub fn tag_integer(&mut self, tag: Tag, value: i32) {
        self.bytes.extend_from_slice(&tag);
        let wide = value.to_le_bytes();
        let (kind, width) = match value {
            i32::MIN..-32768 => (b'i', 4),
            -32768..-128 => (b's', 2),
            -128..0 => (b'c', 1),
            0..=255 => (b'C', 1),
            256..=65535 => (b'S', 2),
            65536.. => (b'I', 4),
        };
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&wide[..width]);
    }

    /// Adds a floating-point tag to the last record.
    pub fn tag_float(&mut self, tag: Tag, value: f32) {
        self.bytes.extend_from_slice(&tag);
        self.bytes.push(b'f');
        self.bytes.extend_from_slice(&value.to_le_bytes());
    }

    /// Adds a text tag, without zero bytes, to the last record.
    pub fn tag_text(&mut self, tag: Tag, value: &[u8]) {
        self.bytes.extend_from_slice(&tag);
        self.bytes.push(b'Z');
        self.bytes.extend_from_slice(value);
        self.bytes.push(0);
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Says whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns a record by index.
    ///
    /// # Panics
    /// If there is no such record.
    pub fn get(&self, index: usize) -> RecordView<'_> {
        let end = self
            .entries
            .get(index + 1)
            .map_or(self.bytes.len(), |next| next.start);
        RecordView::trusted(&self.bytes[self.entries[index].start..end])
    }

    /// Returns the index in its batch of the read that a record belongs to.
    pub fn read(&self, index: usize) -> u32 {
        self.entries[index].read
    }

    /// Returns the records in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordView<'_>> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Appends all records of another arena, whose read indices are raised by `first_read`.
    pub fn append(&mut self, other: &Self, first_read: u32) {
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(&other.bytes);
        let moved = |entry: &Entry| Entry {
            start: entry.start + offset,
            read: entry.read + first_read,
        };
        self.entries.extend(other.entries.iter().map(moved));
    }

    /// Forgets all records and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }
}

fn put_place(bytes: &mut Vec<u8>, place: Option<(ContigId, u32)>) {
    let (contig, position) = place.map_or((-1, -1), |(contig, position)| {
        (contig.0.cast_signed(), position.cast_signed())
    });
    bytes.extend_from_slice(&contig.to_le_bytes());
    bytes.extend_from_slice(&position.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::super::tags::{TagValue, tags};
    use super::*;
    use crate::cigar::CigarKind;

    #[test]
    fn what_is_written_is_read_back() {
        let cigar = [
            CigarOp::new(CigarKind::SoftClip, 2),
            CigarOp::new(CigarKind::Match, 3),
        ];
        let mut records = Records::default();
        records.push(
            7,
            &NewRecord {
                name: b"read",
                flags: Flags(Flags::PAIRED | Flags::REVERSE),
                placed: Some((ContigId(3), 100)),
                mapping_quality: 60,
                cigar: &cigar,
                mate: None,
                template_length: -5,
                bases: b"ACGTN",
                qualities: &[1, 2, 3, 4, 5],
            },
        );
        records.tag_integer(*b"NM", 300);
        records.tag_text(*b"RG", b"a");
        let view = RecordView::parse(records.get(0).bytes()).unwrap();
        assert_eq!((view.name(), records.read(0)), (b"read".as_slice(), 7));
        assert_eq!(
            (view.contig(), view.position()),
            (Some(ContigId(3)), Some(100))
        );
        assert_eq!((view.mate_contig(), view.mate_position()), (None, None));
        assert_eq!(view.bases().collect::<Vec<_>>(), b"ACGTN");
        assert_eq!(view.qualities(), [1, 2, 3, 4, 5]);
        assert_eq!(view.unclipped_five_prime(), Some(102));
        let found: Vec<_> = tags(view.tag_bytes()).collect();
        assert_eq!(found[0], (*b"NM", TagValue::Integer(300)));
        assert_eq!(found[1], (*b"RG", TagValue::Text(b"a")));
    }

    #[test]
    fn more_operations_than_a_record_counts_are_read_back() {
        for count in [65_535, 65_536, 70_001] {
            let kinds = [CigarKind::Match, CigarKind::Deletion];
            let op = |at: usize| CigarOp::new(kinds[at % 2], 1 + at as u32 % 2);
            let cigar: Vec<CigarOp> = (0..count).map(op).collect();
            let bases = vec![b'A'; count.div_ceil(2)];
            let mut records = Records::default();
            let record = NewRecord {
                name: b"long",
                flags: Flags(0),
                placed: Some((ContigId(0), 9)),
                mapping_quality: 60,
                cigar: &cigar,
                mate: None,
                template_length: 0,
                bases: &bases,
                qualities: &[],
            };
            records.push(0, &record);
            records.tag_integer(*b"NM", 3);
            let view = RecordView::parse(records.get(0).bytes()).unwrap();
            assert!(view.cigar().eq(cigar.iter().copied()));
            assert_eq!(view.end(), Some(9 + (count + count / 2) as u32));
            let mut shown = view.shown_tags();
            assert_eq!(shown.next(), Some((*b"NM", TagValue::Integer(3))));
            assert_eq!(shown.next(), None);
        }
    }

    #[test]
    fn truncated_bytes_are_refused() {
        let mut records = Records::default();
        let record = NewRecord {
            name: b"r",
            flags: Flags(Flags::UNMAPPED),
            placed: None,
            mapping_quality: 0,
            cigar: &[],
            mate: None,
            template_length: 0,
            bases: b"ACG",
            qualities: &[],
        };
        records.push(0, &record);
        let bytes = records.get(0).bytes();
        assert!(RecordView::parse(bytes).is_ok());
        for end in 0..bytes.len() {
            assert!(RecordView::parse(&bytes[..end]).is_err());
        }
    }
}
