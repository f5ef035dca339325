//! The BAM of `--bamout`: assembled haplotypes, and reads as they lie along them.
//!
//! Source: GATK 4.6 `HaplotypeBAMWriter`.

use std::path::Path;

use anyhow::Result;
use caller::realigned::{Realigned, RealignedRead};
use common::failure::{Failure, FailureClass};
use genome::dictionary::Dictionary;
use genome::record::{Flags, NewRecord, OwnedRecord, Records, Tag, TagValue, encoded_tags, tags};
use genome::region::{ContigId, Region};
use worker::formats::bam::FileHeader;

use super::inputs::by_place;
use crate::output::with_ending;
use crate::reads_output::{FormatArgs, Plan, ReadsOutput};

/// The read group of haplotypes.
const READ_GROUP: &str = "ArtificialHaplotypeRG";

/// Base and mapping qualities of haplotypes: they mean nothing.
const BASE_QUALITY: u8 = b'!';
const MAPPING_QUALITY: u8 = 60;

/// No later region begins so far before the last one.
const REACH_BP: u64 = 2_000;

/// Records that wait for their order before it is looked at.
const WAITING: usize = 20_000;

/// A BAM in the making.
pub struct RealignedOutput<'a> {
    dictionary: &'a Dictionary,
    path: &'a Path,
    out: ReadsOutput,
    waiting: Vec<OwnedRecord>,
    haplotypes: u64,
}

impl<'a> RealignedOutput<'a> {
    /// Starts a file with the read groups of the inputs.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn create(path: &'a Path, dictionary: &'a Dictionary, groups: &[String]) -> Result<Self> {
        let mut text = String::from("@HD\tVN:1.6\tSO:coordinate\n");
        for contig in dictionary.contigs() {
            text.push_str(&format!("@SQ\tSN:{}\tLN:{}\n", contig.name, contig.length));
        }
        for group in groups {
            text.push_str(group);
            text.push('\n');
        }
        text.push_str(&format!("@RG\tID:{READ_GROUP}\tSM:HC\n"));
        let header = FileHeader {
            text,
            dictionary: dictionary.clone(),
        };
        let format = FormatArgs::default();
        let mut plan = Plan::new(path, &format, None);
        plan.wants_index = true;
        Ok(Self {
            out: ReadsOutput::create(&plan, header.with_program("spindle-call"))?,
            dictionary,
            path,
            waiting: Vec::new(),
            haplotypes: 0,
        })
    }

    /// Adds what the calls of a region rest on.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn add(&mut self, region: &Realigned) -> Result<(), Failure> {
        for (index, (haplotype, identity)) in region.haplotypes.iter().enumerate() {
            self.haplotypes += 1;
            let name = format!("HC_{}_{index}", self.haplotypes);
            let record = NewRecord {
                name: name.as_bytes(),
                flags: Flags(Flags::REVERSE),
                placed: Some((region.called_span.contig, haplotype.start as u32)),
                mapping_quality: MAPPING_QUALITY,
                cigar: &haplotype.cigar,
                mate: None,
                template_length: 0,
                bases: &haplotype.bases,
                qualities: &vec![BASE_QUALITY; haplotype.bases.len()],
            };
            let own = [
                (*b"CR", Value::Text(self.text(&region.called_span))),
                (*b"HC", Value::Integer(*identity)),
                (*b"RG", Value::Text(READ_GROUP.into())),
            ];
            self.waiting.push(encode(&record, &[], own.into())?);
        }
        for read in &region.reads {
            let record = self.read(read, region)?;
            self.waiting.push(record);
        }
        if self.waiting.len() >= WAITING {
            let before = region.aligned_span.start.saturating_sub(REACH_BP);
            self.write(region.called_span.contig, before)?;
        }
        Ok(())
    }

    fn read(&self, read: &RealignedRead, region: &Realigned) -> Result<OwnedRecord, Failure> {
        let head = &read.read.head;
        let mate = head
            .mate
            .map(|(contig, position)| (contig, position as u32));
        let record = NewRecord {
            name: &head.name,
            flags: head.flags,
            placed: Some((head.contig, read.read.start as u32)),
            mapping_quality: head.mapping_quality,
            cigar: &read.read.cigar,
            mate,
            template_length: head.template_length,
            bases: &read.read.bases,
            qualities: &read.read.qualities,
        };
        let mut own = vec![
            (*b"AR", Value::Text(self.text(&region.aligned_span))),
            (*b"CR", Value::Text(self.text(&region.called_span))),
        ];
        own.extend(read.haplotype.map(|one| (*b"HC", Value::Integer(one))));
        let name = &self.dictionary.contig(head.contig).name;
        let told = |&(position, allele): &(u64, usize)| format!("{name}:{}={allele}", position + 1);
        let before = tags(&head.tags).find(|(tag, _)| tag == b"XA");
        let before = before.and_then(|(_, value)| match value {
            TagValue::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            _ => None,
        });
        let alleles: Vec<String> = before
            .into_iter()
            .chain(read.alleles.iter().map(told))
            .collect();
        if !alleles.is_empty() {
            own.push((*b"XA", Value::Text(alleles.join(", "))));
        }
        encode(&record, &head.tags, own)
    }

    fn text(&self, span: &Region) -> String {
        let name = &self.dictionary.contig(span.contig).name;
        format!("{name}:{}-{}", span.start + 1, span.end)
    }

    /// Writes all that lies before a place.
    fn write(&mut self, contig: ContigId, position: u64) -> Result<(), Failure> {
        self.waiting.sort_by(|a, b| by_place(&a.view(), &b.view()));
        let is_before = |record: &OwnedRecord| {
            let view = record.view();
            (view.contig(), view.position().map(u64::from)) < (Some(contig), Some(position))
        };
        let count = self.waiting.partition_point(is_before);
        for record in self.waiting.drain(..count) {
            let written = self.out.write(&record.view());
            written.map_err(|error| Failure::new(FailureClass::Internal, format!("{error:#}")))?;
        }
        Ok(())
    }

    /// Writes the rest, and lets the file appear.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(mut self) -> Result<()> {
        self.write(ContigId(u32::MAX), 0)?;
        self.out.finish(&with_ending(self.path, ""))
    }
}

/// A tag's value.
enum Value {
    Text(String),
    Integer(i32),
}

/// Makes a record of its fields, the tags it had and its own, which replace those; tags are in the
/// order in which htsjdk keeps them: by their second letter, then by the first.
fn encode(
    record: &NewRecord<'_>,
    had: &[u8],
    own: Vec<(Tag, Value)>,
) -> Result<OwnedRecord, Failure> {
    let mut all: Vec<(Tag, Vec<u8>)> = encoded_tags(had)
        .filter(|(tag, _)| !own.iter().any(|(one, _)| one == tag))
        .map(|(tag, bytes)| (tag, bytes.to_vec()))
        .collect();
    let mut records = Records::default();
    records.push(0, record);
    let mut bytes = records.get(0).bytes().to_vec();
    for (tag, value) in own {
        records.clear();
        records.push(0, record);
        match value {
            Value::Text(text) => records.tag_text(tag, text.as_bytes()),
            Value::Integer(number) => records.tag_integer(tag, number),
        }
        all.push((tag, records.get(0).tag_bytes().to_vec()));
    }
    all.sort_by_key(|([first, second], _)| (*second, *first));
    bytes.extend(all.into_iter().flat_map(|(_, bytes)| bytes));
    OwnedRecord::new(bytes).map_err(|error| Failure::new(FailureClass::Internal, error.to_string()))
}
