//! Records for tests.

use crate::region_read::{ReadHead, RegionRead};
use genome::cigar::{CigarKind, CigarOp};
use genome::record::{Flags, NewRecord, OwnedRecord, Records};
use genome::region::ContigId;
use std::sync::Arc;

/// A record in the making: ten bases `ACGTACGTAC` of quality 30 at 0-based position 100.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Read name.
    pub name: String,
    /// FLAG.
    pub flags: u16,
    /// 0-based position.
    pub position: u32,
    /// MAPQ.
    pub mapping_quality: u8,
    /// CIGAR.
    pub cigar: Vec<CigarOp>,
    /// Position of the mate and TLEN.
    pub mate: Option<(u32, i32)>,
    /// Bases.
    pub bases: Vec<u8>,
    /// Qualities.
    pub qualities: Vec<u8>,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            name: "r".into(),
            flags: 0,
            position: 100,
            mapping_quality: 60,
            cigar: ops("10M"),
            mate: None,
            bases: b"ACGTACGTAC".to_vec(),
            qualities: vec![30; 10],
        }
    }
}

impl Draft {
    /// Sets FLAG.
    pub fn flags(mut self, flags: u16) -> Self {
        self.flags = flags;
        self
    }

    /// Sets MAPQ.
    pub fn mapping_quality(mut self, mapping_quality: u8) -> Self {
        self.mapping_quality = mapping_quality;
        self
    }

    /// Sets the CIGAR.
    pub fn cigar(mut self, cigar: Vec<CigarOp>) -> Self {
        self.cigar = cigar;
        self
    }

    /// Builds the record.
    pub fn record(&self) -> OwnedRecord {
        let mut records = Records::default();
        let contig = ContigId(0);
        records.push(
            0,
            &NewRecord {
                name: self.name.as_bytes(),
                flags: Flags(self.flags),
                placed: Some((contig, self.position)),
                mapping_quality: self.mapping_quality,
                cigar: &self.cigar,
                mate: self.mate.map(|(position, _)| (contig, position)),
                template_length: self.mate.map_or(0, |(_, length)| length),
                bases: &self.bases,
                qualities: &self.qualities,
            },
        );
        OwnedRecord::from(records.get(0))
    }

    /// Builds the read as it lies in the stream.
    pub fn read(&self, ordinal: u64) -> RegionRead {
        let head = ReadHead {
            ordinal,
            name: self.name.as_bytes().into(),
            flags: Flags(self.flags),
            mapping_quality: self.mapping_quality,
            contig: ContigId(0),
            mate: self.mate.map(|(at, _)| (ContigId(0), u64::from(at))),
            template_length: self.mate.map_or(0, |(_, length)| length),
            sample: 0,
            original_start: u64::from(self.position),
            original_end: u64::from(self.position)
                + genome::cigar::reference_span(self.cigar.iter().copied()),
            tags: Box::default(),
        };
        RegionRead {
            head: Arc::new(head),
            start: u64::from(self.position),
            cigar: self.cigar.clone(),
            bases: self.bases.clone(),
            qualities: self.qualities.clone(),
        }
    }
}

/// Makes a read of a region at a 0-based position, of quality 30, with letters `ACGTACGT…`.
pub fn region_read(start: u64, cigar: &str) -> RegionRead {
    let cigar = ops(cigar);
    let length = genome::cigar::read_span(cigar.iter().copied()) as usize;
    let head = ReadHead {
        ordinal: 0,
        name: b"r".as_slice().into(),
        flags: Flags(0),
        mapping_quality: 60,
        contig: ContigId(0),
        mate: None,
        template_length: 0,
        sample: 0,
        original_start: start,
        original_end: start + length as u64,
        tags: Box::default(),
    };
    RegionRead {
        head: Arc::new(head),
        start,
        cigar,
        bases: b"ACGT".iter().copied().cycle().take(length).collect(),
        qualities: vec![30; length],
    }
}

/// Reads a CIGAR of M, I, D, N, S and H.
pub fn ops(text: &str) -> Vec<CigarOp> {
    let mut length = 0;
    let mut found = Vec::new();
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            length = length * 10 + digit;
            continue;
        }
        let kind = match letter {
            'M' => CigarKind::Match,
            'I' => CigarKind::Insertion,
            'D' => CigarKind::Deletion,
            'N' => CigarKind::Skip,
            'S' => CigarKind::SoftClip,
            _ => CigarKind::HardClip,
        };
        found.push(CigarOp::new(kind, length));
        length = 0;
    }
    found
}
