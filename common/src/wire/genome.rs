//! A genome on the wire: form is checked in full; whether its files exist is admission's matter.

mod lanes;

use genome::partition::DEFAULT_PARTITION_BP;
use proto::v1;

use lanes::read_lanes;

use super::{WireError, s3_login};
use crate::location::Location;
use crate::workflow::{DEFAULT_READ_BATCH_BP, GenomeSpec, Interval, Outputs};

/// The longest sample name: with an ending such as `.g.vcf.gz.tbi` it stays a file name.
const SAMPLE_BYTES: usize = 200;
/// Bounds of a read batch in bp: a batch is held in memory.
const READ_BATCH_BP: std::ops::RangeInclusive<u64> = 1_000..=1_000_000_000;
/// Bounds of a partition in bp; the upper one is above every contig that BAM can hold.
const PARTITION_BP: std::ops::RangeInclusive<u64> = 1_000..=4_000_000_000;

impl From<&GenomeSpec> for v1::Genome {
    fn from(spec: &GenomeSpec) -> Self {
        let tuning = v1::Tuning {
            read_batch_bp: spec.read_batch_bp,
            partition_bp: spec.partition_bp,
        };
        let (s3_login, sealed_s3_login) = s3_login::write(&spec.s3);
        Self {
            sample: spec.sample.clone(),
            lanes: spec.lanes.iter().map(v1::Lane::from).collect(),
            reference: spec.reference.to_string(),
            known_sites: spec.known_sites.iter().map(Location::to_string).collect(),
            outputs: output_kinds(spec.outputs),
            intervals: spec.intervals.iter().map(interval_text).collect(),
            interval_padding_bp: spec.interval_padding_bp,
            output_prefix: spec
                .output_prefix
                .as_ref()
                .map_or_else(String::new, Location::to_string),
            overwrite: spec.overwrite,
            recalibrated_qualities: spec.recalibrated_qualities,
            tuning: Some(tuning),
            s3_login,
            sealed_s3_login,
        }
    }
}

fn output_kinds(outputs: Outputs) -> Vec<i32> {
    let Outputs { bam, vcf, gvcf } = outputs;
    let kinds = [
        (bam, v1::OutputKind::Bam),
        (vcf, v1::OutputKind::Vcf),
        (gvcf, v1::OutputKind::Gvcf),
    ];
    kinds
        .into_iter()
        .filter(|(wanted, _)| *wanted)
        .map(|(_, kind)| kind.into())
        .collect()
}

fn interval_text(interval: &Interval) -> String {
    match interval {
        Interval::Text(text) => text.clone(),
        Interval::Bed(location) => location.to_string(),
    }
}

impl TryFrom<v1::Genome> for GenomeSpec {
    type Error = WireError;

    fn try_from(wire: v1::Genome) -> Result<Self, WireError> {
        let v1::Genome {
            sample,
            lanes,
            reference,
            known_sites,
            outputs,
            intervals,
            interval_padding_bp,
            output_prefix,
            overwrite,
            recalibrated_qualities,
            tuning,
            s3_login,
            sealed_s3_login,
        } = wire;
        check_sample(&sample)?;
        let v1::Tuning {
            read_batch_bp,
            partition_bp,
        } = tuning.unwrap_or_default();
        let batch = ("tuning.read_batch_bp", DEFAULT_READ_BATCH_BP, READ_BATCH_BP);
        let partition = ("tuning.partition_bp", DEFAULT_PARTITION_BP, PARTITION_BP);
        Ok(Self {
            lanes: read_lanes(lanes, &sample)?,
            reference: location("reference", &reference)?,
            known_sites: each("known_sites", &known_sites, location)?,
            outputs: read_outputs(&outputs)?,
            intervals: each("intervals", &intervals, read_interval)?,
            interval_padding_bp,
            output_prefix: read_output_prefix(&output_prefix)?,
            overwrite,
            recalibrated_qualities,
            read_batch_bp: read_size(batch, read_batch_bp)?,
            partition_bp: read_size(partition, partition_bp)?,
            s3: s3_login::read(s3_login, sealed_s3_login)?,
            sample,
        })
    }
}

fn check_sample(sample: &str) -> Result<(), WireError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !(1..=SAMPLE_BYTES).contains(&sample.len()) {
        let reason = format!("has {} characters, not 1-{SAMPLE_BYTES}", sample.len());
        return Err(WireError::new("sample", reason));
    }
    if !sample.bytes().all(plain) {
        return Err(WireError::new(
            "sample",
            "has a character outside [A-Za-z0-9._-]",
        ));
    }
    Ok(())
}

fn read_outputs(wire: &[i32]) -> Result<Outputs, WireError> {
    let mut outputs = Outputs::default();
    for (index, &kind) in wire.iter().enumerate() {
        let field = || format!("outputs[{index}]");
        let wanted = match v1::OutputKind::try_from(kind) {
            Ok(v1::OutputKind::Bam) => &mut outputs.bam,
            Ok(v1::OutputKind::Vcf) => &mut outputs.vcf,
            Ok(v1::OutputKind::Gvcf) => &mut outputs.gvcf,
            Ok(v1::OutputKind::Unspecified) | Err(_) => {
                return Err(WireError::new(
                    field(),
                    format!("{kind} is no kind of output"),
                ));
            }
        };
        if std::mem::replace(wanted, true) {
            return Err(WireError::new(field(), "stands twice"));
        }
    }
    if outputs == Outputs::default() {
        return Err(WireError::new("outputs", "at least one output is needed"));
    }
    Ok(outputs)
}

fn read_interval(field: &str, text: &str) -> Result<Interval, WireError> {
    if Location::is_meant(text) {
        return location(field, text).map(Interval::Bed);
    }
    let wrong = |reason: &str| Err(WireError::new(field, format!("{reason}: {text:?}")));
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return wrong("is empty or has white space");
    }
    // A contig may have `:` in its name, so only digits after the last one are a range.
    let range = text
        .rsplit_once(':')
        .and_then(|(_, range)| range.split_once('-'));
    let numbers = range.map(|(start, end)| (start.parse::<u64>(), end.parse::<u64>()));
    if let Some((Ok(start), Ok(end))) = numbers
        && (start == 0 || end < start)
    {
        return wrong("is not a 1-based range with start at most end");
    }
    Ok(Interval::Text(text.to_owned()))
}

fn read_output_prefix(text: &str) -> Result<Option<Location>, WireError> {
    const FIELD: &str = "output_prefix";
    if text.is_empty() {
        return Ok(None);
    }
    match location(FIELD, text)? {
        folder @ (Location::Root { .. } | Location::S3 { .. }) => Ok(Some(folder)),
        Location::Upload { .. } | Location::Reference { .. } => {
            Err(WireError::new(FIELD, "must be below a root or in S3"))
        }
    }
}

fn read_size(
    (field, default, bounds): (&str, u64, std::ops::RangeInclusive<u64>),
    wire: u64,
) -> Result<u64, WireError> {
    if wire == 0 {
        return Ok(default);
    }
    if bounds.contains(&wire) {
        return Ok(wire);
    }
    let reason = format!("{wire} is not in {}-{}", bounds.start(), bounds.end());
    Err(WireError::new(field, reason))
}

pub(super) fn location(field: &str, text: &str) -> Result<Location, WireError> {
    text.parse()
        .map_err(|e: crate::location::LocationError| WireError::new(field, e.to_string()))
}

fn each<T>(
    field: &str,
    texts: &[String],
    read: impl Fn(&str, &str) -> Result<T, WireError>,
) -> Result<Vec<T>, WireError> {
    let read = |(index, text): (usize, &String)| read(&format!("{field}[{index}]"), text);
    texts.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn genome() -> v1::Genome {
        v1::Genome {
            sample: "S".into(),
            lanes: vec![paired("root:d/1.fq"), paired("root:d/2.fq")],
            reference: "root:d/ref.fa".into(),
            outputs: vec![v1::OutputKind::Bam.into()],
            ..v1::Genome::default()
        }
    }

    fn paired(reads1: &str) -> v1::Lane {
        v1::Lane {
            read_group: String::new(),
            reads: Some(v1::lane::Reads::Fastq(v1::FastqFiles {
                reads1: reads1.into(),
                reads2: "root:d/mates.fq".into(),
                interleaved: false,
            })),
        }
    }

    fn field_at_fault(change: impl FnOnce(&mut v1::Genome)) -> String {
        let mut wire = genome();
        change(&mut wire);
        GenomeSpec::try_from(wire).unwrap_err().field
    }

    #[test]
    fn zero_tuning_takes_the_defaults() {
        let spec = GenomeSpec::try_from(genome()).unwrap();
        assert_eq!(spec.read_batch_bp, DEFAULT_READ_BATCH_BP);
        assert_eq!(spec.partition_bp, DEFAULT_PARTITION_BP);
        assert_eq!(spec.output_prefix, None);
    }

    #[test]
    fn lanes_without_read_group_get_one_of_sample_and_index() {
        let spec = GenomeSpec::try_from(genome()).unwrap();
        let ids: Vec<&str> = spec.lanes.iter().map(|lane| lane.read_group.id()).collect();
        assert_eq!(ids, ["S.L001", "S.L002"]);
        assert_eq!(spec.lanes[0].read_group.get("SM"), Some("S"));
    }

    #[test]
    fn a_read_group_without_sample_gets_it() {
        let mut wire = genome();
        wire.lanes[0].read_group = "@RG\\tID:a\\tLB:x".into();
        let spec = GenomeSpec::try_from(wire).unwrap();
        assert_eq!(spec.lanes[0].read_group.line(), "@RG\tID:a\tLB:x\tSM:S");
    }

    #[test]
    fn faults_name_the_path_of_their_field() {
        type Change = fn(&mut v1::Genome);
        let cases: [(&str, Change); 19] = [
            ("sample", |g| g.sample = String::new()),
            ("sample", |g| g.sample = "a".repeat(201)),
            ("sample", |g| g.sample = "a/b".into()),
            ("lanes", |g| g.lanes.clear()),
            ("lanes[1].reads", |g| g.lanes[1].reads = None),
            ("lanes[1].fastq.reads1", |g| {
                g.lanes[1] = paired("/etc/passwd")
            }),
            ("lanes[0].fastq.reads2", |g| {
                g.lanes[0] = paired("root:d/mates.fq")
            }),
            ("lanes[0].bam", |g| {
                g.lanes[0].reads = Some(v1::lane::Reads::Bam("x".into()))
            }),
            ("lanes[0].read_group", |g| {
                g.lanes[0].read_group = "@RG\tID:a\tSM:T".into()
            }),
            ("lanes[0].read_group", |g| {
                g.lanes[0].read_group = "@RG\tID:a\nb".into()
            }),
            ("lanes[1].read_group", |g| {
                g.lanes[1].read_group = "@RG\tID:S.L001".into()
            }),
            ("reference", |g| g.reference = String::new()),
            ("known_sites[0]", |g| {
                g.known_sites = vec!["root:d/../x".into()]
            }),
            ("outputs", |g| g.outputs.clear()),
            ("outputs[1]", |g| g.outputs = vec![2, 2]),
            ("intervals[0]", |g| g.intervals = vec!["chr1:9-8".into()]),
            ("output_prefix", |g| g.output_prefix = "upload:a/b".into()),
            ("tuning.partition_bp", |g| {
                g.tuning = Some(v1::Tuning {
                    read_batch_bp: 0,
                    partition_bp: 999,
                });
            }),
            ("tuning.read_batch_bp", |g| {
                g.tuning = Some(v1::Tuning {
                    read_batch_bp: 1,
                    partition_bp: 0,
                });
            }),
        ];
        for (field, change) in cases {
            assert_eq!(field_at_fault(change), field);
        }
    }

    #[test]
    fn intervals_are_text_or_bed_files() {
        let mut wire = genome();
        let texts = ["chr1", "chr1:1-2", "HLA*01:01", "root:d/x.bed"];
        wire.intervals = texts.map(String::from).to_vec();
        let intervals = GenomeSpec::try_from(wire).unwrap().intervals;
        assert!(matches!(intervals[2], Interval::Text(_)));
        assert!(matches!(intervals[3], Interval::Bed(_)));
    }
}
