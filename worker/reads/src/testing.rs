//! Records for this crate's own tests.

use genome::cigar::{CigarOp, read_span};
use genome::record::{Flags, NewRecord, Records};
use genome::region::ContigId;

/// Reads a CIGAR's text.
pub(crate) fn ops(text: &str) -> Vec<CigarOp> {
    let mut ops = Vec::new();
    let mut length = 0;
    for letter in text.bytes() {
        if letter.is_ascii_digit() {
            length = 10 * length + u32::from(letter - b'0');
            continue;
        }
        let code = b"MIDNSHP=X".iter().position(|&known| known == letter);
        ops.extend(CigarOp::from_packed(length << 4 | code.unwrap() as u32));
        length = 0;
    }
    ops
}

/// What a test wants to say of a record.
#[derive(Debug, Clone)]
pub(crate) struct Sketch<'a> {
    pub name: &'a str,
    pub flags: u16,
    pub contig: u32,
    pub position: u32,
    pub cigar: &'a str,
    pub mate_position: Option<u32>,
    pub template_length: i32,
    pub quality: u8,
}

impl Default for Sketch<'_> {
    fn default() -> Self {
        Self {
            name: "r",
            flags: 0,
            contig: 0,
            position: 0,
            cigar: "10M",
            mate_position: None,
            template_length: 0,
            quality: 30,
        }
    }
}

impl Sketch<'_> {
    /// Returns the record alone.
    pub(crate) fn records(&self) -> Records {
        let mut records = Records::default();
        self.push(0, &mut records);
        records
    }

    /// Appends the record of a read.
    pub(crate) fn push(&self, read: u32, records: &mut Records) {
        let cigar = ops(self.cigar);
        let bases = vec![b'A'; read_span(cigar.iter().copied()) as usize];
        let contig = ContigId(self.contig);
        records.push(
            read,
            &NewRecord {
                name: self.name.as_bytes(),
                flags: Flags(self.flags),
                placed: Some((contig, self.position)),
                mapping_quality: 60,
                cigar: &cigar,
                mate: self.mate_position.map(|position| (contig, position)),
                template_length: self.template_length,
                bases: &bases,
                qualities: &vec![self.quality; bases.len()],
            },
        );
    }
}
