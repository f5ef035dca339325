//! The lanes of a genome on the wire.

use std::collections::BTreeSet;

use genome::read_group::ReadGroup;
use proto::v1;

use super::{WireError, location};
use crate::location::Location;
use crate::workflow::{Lane, LaneReads};

impl From<&Lane> for v1::Lane {
    fn from(lane: &Lane) -> Self {
        let fastq = |reads1: &Location, reads2: Option<&Location>, interleaved| {
            v1::lane::Reads::Fastq(v1::FastqFiles {
                reads1: reads1.to_string(),
                reads2: reads2.map_or_else(String::new, Location::to_string),
                interleaved,
            })
        };
        Self {
            read_group: lane.read_group.line(),
            reads: Some(match &lane.reads {
                LaneReads::SingleEnd(reads) => fastq(reads, None, false),
                LaneReads::Paired(reads1, reads2) => fastq(reads1, Some(reads2), false),
                LaneReads::Interleaved(reads) => fastq(reads, None, true),
                LaneReads::Bam(bam) => v1::lane::Reads::Bam(bam.to_string()),
            }),
        }
    }
}

/// Reads the lanes of a sample; no two may have one ID.
pub(super) fn read_lanes(wire: Vec<v1::Lane>, sample: &str) -> Result<Vec<Lane>, WireError> {
    if wire.is_empty() {
        return Err(WireError::new("lanes", "at least one lane is needed"));
    }
    let mut ids = BTreeSet::new();
    let mut lanes = Vec::with_capacity(wire.len());
    for (index, lane) in wire.into_iter().enumerate() {
        let field = format!("lanes[{index}]");
        let lane = read_lane(lane, sample, index).map_err(|e| e.within(&field))?;
        if !ids.insert(lane.read_group.id().to_owned()) {
            let reason = format!("the ID {} is taken by another lane", lane.read_group.id());
            return Err(WireError::new(format!("{field}.read_group"), reason));
        }
        lanes.push(lane);
    }
    Ok(lanes)
}

fn read_lane(wire: v1::Lane, sample: &str, index: usize) -> Result<Lane, WireError> {
    let v1::Lane { read_group, reads } = wire;
    let reads = match reads {
        None => return Err(WireError::new("reads", "one of fastq, bam must be set")),
        Some(v1::lane::Reads::Bam(bam)) => LaneReads::Bam(location("bam", &bam)?),
        Some(v1::lane::Reads::Fastq(files)) => read_fastq(&files).map_err(|e| e.within("fastq"))?,
    };
    Ok(Lane {
        read_group: read_read_group(&read_group, sample, index)
            .map_err(|reason| WireError::new("read_group", reason))?,
        reads,
    })
}

fn read_fastq(wire: &v1::FastqFiles) -> Result<LaneReads, WireError> {
    let v1::FastqFiles {
        reads1,
        reads2,
        interleaved,
    } = wire;
    let first = location("reads1", reads1)?;
    match (reads2.as_str(), interleaved) {
        ("", true) => Ok(LaneReads::Interleaved(first)),
        ("", false) => Ok(LaneReads::SingleEnd(first)),
        (_, true) => Err(WireError::new(
            "reads2",
            "must be empty when reads1 is interleaved",
        )),
        (second, false) => {
            let second = location("reads2", second)?;
            if second == first {
                return Err(WireError::new("reads2", "is the same file as reads1"));
            }
            Ok(LaneReads::Paired(first, second))
        }
    }
}

/// Reads a read group, or makes one; SM becomes the sample.
fn read_read_group(line: &str, sample: &str, index: usize) -> Result<ReadGroup, String> {
    if line.is_empty() {
        let id = format!("{sample}.L{:03}", index + 1);
        return Ok(ReadGroup::new(&id, sample, sample, &id));
    }
    let mut group = ReadGroup::parse(line).map_err(|e| e.to_string())?;
    let printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if let Some((tag, _)) = group.fields().iter().find(|(_, value)| !printable(value)) {
        return Err(format!("the value of {tag} is not printable ASCII"));
    }
    match group.get("SM") {
        Some(other) if other != sample => {
            return Err(format!("SM is {other}, but the sample is {sample}"));
        }
        _ => group.set("SM", sample),
    }
    Ok(group)
}
