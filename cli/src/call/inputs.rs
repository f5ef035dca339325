//! Reads of one sample from one or several BAM files, merged by position.

use std::cmp::Ordering;
use std::fs::File;
use std::path::PathBuf;

use common::failure::Failure;
use genome::dictionary::Dictionary;
use genome::record::{OwnedRecord, RecordView};
use worker::formats::bam_stream::BamStream;

/// Open files, each with its next record.
pub struct Inputs {
    streams: Vec<BamStream>,
    heads: Vec<Option<Result<OwnedRecord, Failure>>>,
    sample: String,
}

impl Inputs {
    /// Opens files whose read groups name one sample.
    ///
    /// # Errors
    /// What is wrong with which file; that there is no sample, or more than one.
    pub fn open(
        paths: &[PathBuf],
        dictionary: &Dictionary,
        is_gvcf: bool,
    ) -> Result<Self, Failure> {
        let mut streams = Vec::new();
        let mut samples: Vec<String> = Vec::new();
        for path in paths {
            let shown = path.display().to_string();
            let file = File::open(path)
                .map_err(|error| Failure::input(&shown, format!("cannot be opened: {error}")))?;
            let stream = BamStream::open(Box::new(file), &shown, dictionary);
            let stream = stream.map_err(Failure::from)?;
            if stream.samples().is_empty() {
                return Err(Failure::input(shown, "no read group names a sample"));
            }
            samples.extend(stream.samples().iter().cloned());
            streams.push(stream);
        }
        samples.sort();
        samples.dedup();
        let [sample] = &samples[..] else {
            return Err(several(paths, &samples, is_gvcf));
        };
        let sample = sample.clone();
        let mut heads: Vec<_> = streams.iter_mut().map(next_of).collect();
        heads.shrink_to_fit();
        Ok(Self {
            streams,
            heads,
            sample,
        })
    }

    /// Returns the sample.
    pub fn sample(&self) -> &str {
        &self.sample
    }

    /// Returns the read groups' lines of all headers, each once.
    pub fn read_group_lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for stream in &self.streams {
            for line in stream.header_text().lines() {
                if line.starts_with("@RG\t") && !lines.iter().any(|known| known == line) {
                    lines.push(line.to_owned());
                }
            }
        }
        lines
    }
}

fn several(paths: &[PathBuf], samples: &[String], is_gvcf: bool) -> Failure {
    let names = samples.join(", ");
    let message = if is_gvcf {
        format!(
            "a gVCF is of one sample, but the read groups name {names}: give the reads of each sample by themselves"
        )
    } else {
        format!(
            "several samples, {names}: call each by itself with --ERC GVCF, then run spindle genotype"
        )
    };
    let file = paths.first().map(|path| path.display().to_string());
    Failure::input(file.unwrap_or_default(), message)
}

fn next_of(stream: &mut BamStream) -> Option<Result<OwnedRecord, Failure>> {
    let next = stream.next()?;
    Some(next.map_err(Failure::from))
}

impl Iterator for Inputs {
    type Item = Result<OwnedRecord, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut first: Option<usize> = None;
        for (index, head) in self.heads.iter().enumerate() {
            let is_first = match (head, first.and_then(|first| self.heads[first].as_ref())) {
                (None, _) | (_, Some(Err(_))) => false,
                (Some(Err(_)), _) | (_, None) => true,
                (Some(Ok(one)), Some(Ok(other))) => by_place(&one.view(), &other.view()).is_lt(),
            };
            if is_first {
                first = Some(index);
            }
        }
        let first = first?;
        let next = next_of(&mut self.streams[first]);
        std::mem::replace(&mut self.heads[first], next)
    }
}

/// Compares records as a sorted BAM has them: by place, unplaced ones last, then by strand, name,
/// flags, mapping quality, mate and template length.
///
/// Source: htsjdk `SAMRecordCoordinateComparator`.
pub fn by_place(a: &RecordView<'_>, b: &RecordView<'_>) -> Ordering {
    let place = |record: &RecordView<'_>| {
        let contig = record.contig().map_or(u32::MAX, |contig| contig.0);
        (contig, record.position(), record.flags().is_reverse())
    };
    let rest = |record: &RecordView<'_>| (record.flags().0, record.mapping_quality());
    let mate = |record: &RecordView<'_>| (record.mate_contig(), record.mate_position());
    let both_paired = a.flags().is_paired() && b.flags().is_paired();
    place(a)
        .cmp(&place(b))
        .then_with(|| a.name().cmp(b.name()))
        .then_with(|| rest(a).cmp(&rest(b)))
        .then_with(|| {
            if both_paired {
                mate(a).cmp(&mate(b))
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| a.template_length().cmp(&b.template_length()))
}
