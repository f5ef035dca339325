//! The records of one slice as data series. CRAM v3.1 (2024-09-04), §8.4 and §10.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use genome::cigar::{CigarKind, read_span};
use genome::record::{RecordView, TagValue, tags};
use md5::{Digest, Md5};
use noodles::fasta::record::Sequence;

use super::container::{Content, Deflater, put_checksum, put_itf8, put_ltf8, size};
use super::encoding::{SERIES, compression_header, tag_id};
use super::raw_tags::raw_tags;
use super::writer::invalid;

/// Letters whose substitutions have codes.
const LETTERS: [u8; 5] = *b"ACGTN";

/// The letters of a contig, in either case.
#[derive(Debug, Clone)]
pub(super) struct Letters(pub Arc<Sequence>);

impl Letters {
    fn bytes(&self) -> &[u8] {
        (*self.0).as_ref()
    }
}

/// Which contigs the records lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Context {
    One(Option<u32>),
    Many,
}

/// A container, and what its index tells.
pub(super) struct Container {
    pub bytes: Vec<u8>,
    /// First position and end of the records of each contig, −1 for none.
    pub extents: BTreeMap<i32, (u64, u64)>,
    /// Where the slice begins, from the end of the container's header.
    pub landmark: u64,
    pub slice_bytes: u64,
}

/// Records in the making.
#[derive(Debug, Default)]
pub(super) struct Slice {
    context: Option<Context>,
    count: usize,
    bases: u64,
    /// First position and end of the mapped records.
    extent: Option<(u64, u64)>,
    /// First position and end of all records of each contig, −1 for none.
    extents: BTreeMap<i32, (u64, u64)>,
    series: [Vec<u8>; SERIES.len()],
    contigs: Vec<i32>,
    /// The values of each tag and type.
    tags: BTreeMap<[u8; 3], Vec<u8>>,
    /// Lists of tags that occur, by number.
    lists: Vec<Vec<u8>>,
}

impl Slice {
    pub(super) const fn len(&self) -> usize {
        self.count
    }

    /// Returns the one contig of the records.
    pub(super) const fn contig(&self) -> Option<u32> {
        match self.context {
            Some(Context::One(contig)) => contig,
            _ => None,
        }
    }

    /// Says whether all records so far lie elsewhere.
    pub(super) fn is_other_contig(&self, contig: Option<u32>) -> bool {
        matches!(self.context, Some(Context::One(known)) if known != contig)
    }

    /// Appends a record; `letters` are those of its contig.
    pub(super) fn push(
        &mut self,
        record: &RecordView<'_>,
        letters: Option<&Letters>,
        read_groups: &[Vec<u8>],
    ) -> io::Result<()> {
        let contig = record.contig().map(|contig| contig.0);
        self.context = match self.context {
            None => Some(Context::One(contig)),
            Some(Context::One(known)) if known == contig => self.context,
            Some(_) => Some(Context::Many),
        };
        self.put_place(record, read_groups)?;
        self.extend(record);
        self.put_mate(record);
        self.put_tags(record);
        match (letters, record.flags().is_unmapped()) {
            (Some(letters), false) => self.put_alignment(record, letters.bytes())?,
            (None, false) => return Err(invalid("a mapped record lies on no contig".into())),
            (_, true) => self.put_bases(record),
        }
        self.count += 1;
        Ok(())
    }

    fn at(&mut self, name: &[u8; 2]) -> &mut Vec<u8> {
        let found = SERIES.iter().position(|(known, _)| *known == name);
        &mut self.series[found.expect("a series of the table")]
    }

    fn number(&mut self, name: &[u8; 2], number: i32) {
        put_itf8(self.at(name), number);
    }

    fn text(&mut self, name: &[u8; 2], text: &[u8]) {
        let series = self.at(name);
        series.extend_from_slice(text);
        series.push(0);
    }

    /// Flags, lengths, position, read group and name.
    fn put_place(&mut self, record: &RecordView<'_>, groups: &[Vec<u8>]) -> io::Result<()> {
        const HAS_QUALITIES: i32 = 1;
        const DETACHED: i32 = 2;
        const NO_BASES: i32 = 8;
        let has_qualities = record.base_count() > 0;
        let mut kind = DETACHED;
        kind |= if has_qualities {
            HAS_QUALITIES
        } else {
            NO_BASES
        };
        let length = match has_qualities {
            true => record.base_count() as u64,
            false => read_span(record.cigar()),
        };
        self.bases += length;
        self.number(b"BF", record.flags().0.into());
        self.number(b"CF", kind);
        self.contigs
            .push(record.contig().map_or(-1, |c| c.0.cast_signed()));
        self.number(b"RL", size(length as usize)?);
        let position = record.position().map_or(0, |position| position + 1);
        self.number(b"AP", position.cast_signed());
        let group = tags(record.tag_bytes()).find_map(|(tag, value)| match value {
            TagValue::Text(name) if tag == *b"RG" => Some(name),
            _ => None,
        });
        let index = match group {
            Some(name) => {
                let found = groups.iter().position(|known| known == name);
                let name = String::from_utf8_lossy(name);
                let missing = || invalid(format!("read group {name} is not in the header"));
                size(found.ok_or_else(missing)?)?
            }
            None => -1,
        };
        self.number(b"RG", index);
        self.text(b"RN", record.name());
        Ok(())
    }

    fn extend(&mut self, record: &RecordView<'_>) {
        let contig = record.contig().map_or(-1, |contig| contig.0.cast_signed());
        let start = record.position().map_or(0, u64::from);
        let end = record.end().map_or(0, u64::from);
        let extent = self.extents.entry(contig).or_insert((start, end));
        *extent = (extent.0.min(start), extent.1.max(end));
    }

    fn put_mate(&mut self, record: &RecordView<'_>) {
        let flags = record.flags();
        let unmapped = i32::from(flags.is_mate_unmapped());
        self.number(b"MF", i32::from(flags.is_mate_reverse()) | unmapped << 1);
        self.number(
            b"NS",
            record.mate_contig().map_or(-1, |c| c.0.cast_signed()),
        );
        let position = record.mate_position().map_or(0, |position| position + 1);
        self.number(b"NP", position.cast_signed());
        self.number(b"TS", record.template_length());
    }

    /// All tags but the read group, whose values stand as in BAM.
    fn put_tags(&mut self, record: &RecordView<'_>) {
        let mut list = Vec::new();
        for (key, value) in raw_tags(record.tag_bytes()) {
            if key[..2] == *b"RG" {
                continue;
            }
            list.extend_from_slice(&key);
            let values = self.tags.entry(key).or_default();
            put_itf8(values, value.len() as i32);
            values.extend_from_slice(value);
        }
        let known = self.lists.iter().position(|known| *known == list);
        let number = known.unwrap_or_else(|| {
            self.lists.push(list);
            self.lists.len() - 1
        });
        self.number(b"TL", number as i32);
    }

    fn put_bases(&mut self, record: &RecordView<'_>) {
        record.append_bases(self.at(b"BA"));
        self.at(b"QS").extend_from_slice(record.qualities());
    }

    /// What differs from the reference, mapping quality, and base qualities.
    fn put_alignment(&mut self, record: &RecordView<'_>, letters: &[u8]) -> io::Result<()> {
        let mut bases = Vec::new();
        record.append_bases(&mut bases);
        if bases.is_empty() {
            bases.resize(read_span(record.cigar()) as usize, b'N');
        }
        let start = record.position().unwrap_or(0) as usize;
        let end = start + genome::cigar::reference_span(record.cigar()) as usize;
        if end > letters.len() {
            return Err(invalid("the record leaves its contig".into()));
        }
        let (first, last) = self.extent.unwrap_or((u64::MAX, 0));
        let end = end.max(start + 1) as u64;
        self.extent = Some((first.min(start as u64), last.max(end)));
        let mut features = Features::default();
        let (mut read, mut place) = (0, start);
        for op in record.cigar() {
            let (kind, length) = (op.kind(), op.len() as usize);
            let own = &bases[read..read + if kind.consumes_read() { length } else { 0 }];
            match kind {
                aligned if aligned.is_aligned() => {
                    // A record without bases agrees with the reference wherever it lies on it.
                    if record.base_count() > 0 {
                        let qualities = &record.qualities()[read..read + length];
                        self.put_bases_of(own, qualities, &letters[place..], &mut features, read);
                    }
                }
                CigarKind::Insertion => {
                    self.feature(b'I', read, &mut features);
                    self.text(b"IN", own);
                }
                CigarKind::SoftClip => {
                    self.feature(b'S', read, &mut features);
                    self.text(b"SC", own);
                }
                other => {
                    let (letter, series) = match other {
                        CigarKind::Deletion => (b'D', b"DL"),
                        CigarKind::Skip => (b'N', b"RS"),
                        CigarKind::Padding => (b'P', b"PD"),
                        _ => (b'H', b"HC"),
                    };
                    self.feature(letter, read, &mut features);
                    self.number(series, size(length)?);
                }
            }
            read += own.len();
            place += if kind.consumes_reference() { length } else { 0 };
        }
        self.number(b"FN", features.count);
        self.number(b"MQ", record.mapping_quality().into());
        self.at(b"QS").extend_from_slice(record.qualities());
        Ok(())
    }

    /// Bases that are not the reference's.
    fn put_bases_of(
        &mut self,
        bases: &[u8],
        qualities: &[u8],
        letters: &[u8],
        features: &mut Features,
        read: usize,
    ) {
        let letters = letters.iter().map(u8::to_ascii_uppercase);
        let pairs = bases.iter().zip(letters).zip(qualities).enumerate();
        for (at, ((&base, letter), &quality)) in pairs.filter(|(_, ((b, l), _))| *b != l) {
            let code = |wanted| LETTERS.iter().position(|&known| known == wanted);
            if let (Some(from), Some(to)) = (code(letter), code(base)) {
                self.feature(b'X', read + at, features);
                // The other letters have the codes 0 to 3 in their order.
                self.at(b"BS").push((to - usize::from(to > from)) as u8);
            } else {
                self.feature(b'B', read + at, features);
                self.at(b"BA").push(base);
                self.at(b"QS").push(quality);
            }
        }
    }

    fn feature(&mut self, letter: u8, read: usize, features: &mut Features) {
        self.at(b"FC").push(letter);
        let position = read as i32 + 1;
        self.number(b"FP", position - features.last);
        features.last = position;
        features.count += 1;
    }

    /// Returns the container's bytes; `letters` are those of the one contig.
    pub(super) fn into_container(
        mut self,
        letters: Option<&Letters>,
        records_before: u64,
        deflater: &mut Deflater,
    ) -> io::Result<Container> {
        if self.context == Some(Context::Many) {
            for contig in std::mem::take(&mut self.contigs) {
                self.number(b"RI", contig);
            }
        }
        let (contig, start, span) = match (self.context, self.extent) {
            (Some(Context::Many), _) => (-2, 0, 0),
            (Some(Context::One(Some(contig))), Some((start, end))) => {
                (contig.cast_signed(), start as i32 + 1, (end - start) as i32)
            }
            (Some(Context::One(Some(contig))), None) => (contig.cast_signed(), 0, 0),
            _ => (-1, 0, 0),
        };
        let sum: [u8; 16] = match (letters, self.extent) {
            (Some(letters), Some((start, end))) if contig >= 0 => {
                Md5::digest(letters.bytes()[start as usize..end as usize].to_ascii_uppercase())
                    .into()
            }
            _ => [0; 16],
        };
        let mut place = Vec::new();
        for number in [contig, start, span, self.count as i32] {
            put_itf8(&mut place, number);
        }
        put_ltf8(&mut place, records_before);
        let header = compression_header(&self.lists, self.tags.keys())?;
        let mut body = Vec::new();
        deflater.put((Content::CompressionHeader, 0), &header, &mut body)?;
        let landmark = size(body.len())?;
        let ids: Vec<i32> = self.external().map(|(id, _)| id).collect();
        let mut head = place.clone();
        put_itf8(&mut head, ids.len() as i32 + 1);
        put_itf8(&mut head, ids.len() as i32);
        ids.iter().for_each(|&id| put_itf8(&mut head, id));
        put_itf8(&mut head, -1);
        head.extend_from_slice(&sum);
        deflater.put((Content::SliceHeader, 0), &head, &mut body)?;
        deflater.put((Content::Core, 0), &[], &mut body)?;
        for (id, bytes) in self.external() {
            deflater.put((Content::External, id), bytes, &mut body)?;
        }
        let mut container = size(body.len())?.to_le_bytes().to_vec();
        container.extend_from_slice(&place);
        put_ltf8(&mut container, self.bases);
        put_itf8(&mut container, ids.len() as i32 + 3);
        put_itf8(&mut container, 1);
        put_itf8(&mut container, landmark);
        put_checksum(&mut container, 0);
        let slice_bytes = body.len() as u64 - landmark as u64;
        container.extend_from_slice(&body);
        Ok(Container {
            bytes: container,
            extents: self.extents,
            landmark: landmark as u64,
            slice_bytes,
        })
    }

    /// Returns the blocks that have bytes, with their numbers.
    fn external(&self) -> impl Iterator<Item = (i32, &[u8])> {
        let series = (1..).zip(self.series.iter().map(Vec::as_slice));
        let tags = self
            .tags
            .iter()
            .map(|(key, bytes)| (tag_id(key), bytes.as_slice()));
        series.chain(tags).filter(|(_, bytes)| !bytes.is_empty())
    }
}

/// How many features a record has, and where the last one lies.
#[derive(Debug, Default)]
struct Features {
    count: i32,
    last: i32,
}
