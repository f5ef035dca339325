//! Joint calling: the gVCFs of many samples to one VCF.
//!
//! Wherever a sample names a variant, the records of all samples there are brought to common
//! alleles (`merge`), genotyped with one frequency of each allele (`genotype`) and described.
//! Memory is two records a sample.
//!
//! Source: GATK 4.6 `CombineGVCFs` and `GenotypeGVCFs`, one after the other.

mod annotate;
mod genotype;
mod merge;
mod queue;
mod record;
mod text;

pub use genotype::CohortGenotype;
pub use record::{GvcfRecord, RecordError, SampleFields};

use crate::annotate::jittered;
use crate::genotyping::UpstreamDeletions;
use crate::options::Options;
use crate::random::JavaRandom;
use genome::dictionary::Dictionary;
use genome::region::ContigId;
use queue::Queue;
use std::collections::BTreeSet;

/// From here on, quality by depth is replaced by a random value.
const SATURATED: f64 = 35.0;
const JITTER_MEAN: f64 = 30.0;
const JITTER_DEVIATION: f64 = 3.0;

/// Why a cohort could not be genotyped. `E` is the error of an input or of the sink.
#[derive(Debug, thiserror::Error)]
pub enum JointError<E: std::error::Error + 'static> {
    /// An input or the sink failed.
    #[error("reading or writing")]
    Stream(#[source] E),
    /// A record lies before the one that precedes it.
    #[error("input {input} is not sorted at {contig}:{position}")]
    Unsorted {
        /// Number of the input, from 0.
        input: usize,
        /// The contig.
        contig: String,
        /// 1-based position.
        position: u64,
    },
}

/// What a cohort is genotyped with.
#[derive(Debug)]
pub struct Cohort<'a> {
    /// The reference's contigs.
    pub dictionary: &'a Dictionary,
    /// Options of the call; `emit` must be that of a VCF.
    pub options: &'a Options,
    /// The keys of INFO that hold numbers.
    pub numeric_keys: &'a BTreeSet<String>,
    /// The number of the input of each column.
    pub columns: &'a [usize],
}

/// One input: its record at or before the present position, and the next.
struct Input<I> {
    records: I,
    present: Option<GvcfRecord>,
    next: Option<GvcfRecord>,
    /// When the present record came, counted over all inputs.
    arrival: u64,
}

impl Cohort<'_> {
    /// Genotypes inputs of one sample each.
    ///
    /// With `random`, saturated qualities by depth are drawn from it, in order, as GATK does; else
    /// by their place. Returns the number of lines given to `sink`.
    ///
    /// # Errors
    /// [`JointError`] says what failed.
    pub fn genotype<I, E>(
        &self,
        inputs: Vec<I>,
        mut random: Option<JavaRandom>,
        mut sink: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<u64, JointError<E>>
    where
        I: Iterator<Item = Result<GvcfRecord, E>>,
        E: std::error::Error + 'static,
    {
        let (mut inputs, mut queue) = open(inputs)?;
        let mut deletions = UpstreamDeletions::default();
        let (mut line, mut lines, mut arrivals) = (Vec::new(), 0, 0);
        while let Some(place) = queue.place() {
            let mut is_variant = false;
            while queue.place() == Some(place)
                && let Some(number) = queue.pop()
            {
                arrivals += 1;
                is_variant |= self.step(&mut inputs[number], (number, arrivals))?;
                if let Some(next) = &inputs[number].next {
                    queue.push((next.contig, next.start), number);
                }
            }
            if !is_variant {
                continue;
            }
            line.clear();
            self.site(&inputs, place, &mut deletions, &mut random, &mut line);
            if !line.is_empty() {
                sink(&line).map_err(JointError::Stream)?;
                lines += 1;
            }
        }
        Ok(lines)
    }

    /// Moves an input on by a record; says whether it names a variant.
    fn step<I, E>(
        &self,
        input: &mut Input<I>,
        (number, arrival): (usize, u64),
    ) -> Result<bool, JointError<E>>
    where
        I: Iterator<Item = Result<GvcfRecord, E>>,
        E: std::error::Error + 'static,
    {
        let next = input
            .records
            .next()
            .transpose()
            .map_err(JointError::Stream)?;
        input.present = std::mem::replace(&mut input.next, next);
        input.arrival = arrival;
        if let (Some(present), Some(next)) = (&input.present, &input.next)
            && (next.contig, next.start) <= (present.contig, present.start)
        {
            return Err(JointError::Unsorted {
                input: number,
                contig: self.dictionary.contig(next.contig).name.to_string(),
                position: next.start + 1,
            });
        }
        Ok(input.present.as_ref().is_some_and(GvcfRecord::is_variant))
    }

    fn site<I>(
        &self,
        inputs: &[Input<I>],
        (contig, position): (ContigId, u64),
        deletions: &mut UpstreamDeletions,
        random: &mut Option<JavaRandom>,
        line: &mut Vec<u8>,
    ) {
        let covers = |record: &&GvcfRecord| record.contig == contig && record.end > position;
        let mut records: Vec<(u64, usize, &GvcfRecord)> = Vec::new();
        for (column, &number) in self.columns.iter().enumerate() {
            let input = &inputs[number];
            if let Some(record) = input.present.as_ref().filter(covers) {
                records.push((input.arrival, column, record));
            }
        }
        // Alleles are listed from the latest record to the earliest.
        records.sort_unstable_by_key(|&(arrival, ..)| std::cmp::Reverse(arrival));
        let records: Vec<(usize, &GvcfRecord)> = records
            .into_iter()
            .map(|(_, column, record)| (column, record))
            .collect();
        let site = merge::merge(position, &records, inputs.len(), self.numeric_keys);
        let place = (contig, position);
        let Some(call) = genotype::genotype(&site, place, self.options, deletions) else {
            return;
        };
        let mut annotations = annotate::describe(&call.genotypes, call.alleles.len(), call.quality);
        if annotations.allele_counts.iter().all(|&count| count == 0) {
            return;
        }
        if let Some(raw) = &mut annotations.quality_by_depth {
            *raw = match random {
                Some(random) if *raw >= SATURATED => {
                    JITTER_MEAN + random.gaussian() * JITTER_DEVIATION
                }
                Some(_) => *raw,
                None => jittered(*raw, contig, position),
            };
        }
        let name = &self.dictionary.contig(contig).name;
        text::write_line((name, position), &site, &call, &annotations, line);
    }
}

type Opened<I> = (Vec<Input<I>>, Queue);

fn open<I, E>(inputs: Vec<I>) -> Result<Opened<I>, JointError<E>>
where
    I: Iterator<Item = Result<GvcfRecord, E>>,
    E: std::error::Error + 'static,
{
    let mut queue = Queue::default();
    let mut opened = Vec::with_capacity(inputs.len());
    for (number, mut records) in inputs.into_iter().enumerate() {
        let next = records.next().transpose().map_err(JointError::Stream)?;
        if let Some(next) = &next {
            queue.push((next.contig, next.start), number);
        }
        opened.push(Input {
            records,
            present: None,
            next,
            arrival: 0,
        });
    }
    Ok((opened, queue))
}

#[cfg(test)]
mod tests {
    use super::record::tests::{dictionary, record};
    use super::*;
    use std::convert::Infallible;

    fn numeric_keys() -> BTreeSet<String> {
        ["BaseQRankSum", "MQRankSum", "ReadPosRankSum", "ExcessHet"]
            .map(String::from)
            .into()
    }

    fn lines(inputs: &[&[&str]]) -> Vec<String> {
        let records = |texts: &&[&str]| -> Vec<Result<GvcfRecord, Infallible>> {
            texts.iter().map(|text| Ok(record(text))).collect()
        };
        let inputs: Vec<_> = inputs
            .iter()
            .map(|texts| records(texts).into_iter())
            .collect();
        let cohort = Cohort {
            dictionary: &dictionary(),
            options: &Options::default(),
            numeric_keys: &numeric_keys(),
            columns: &[0, 1][..inputs.len()],
        };
        let mut found = Vec::new();
        let written = cohort.genotype(inputs, None, |line| {
            found.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        });
        assert_eq!(written.unwrap(), found.len() as u64);
        found
    }

    // Recorded from GATK 4.6.2: 20:10000534 of HG002 and NA12878.
    #[test]
    fn site_of_one_sample_is_genotyped_in_all() {
        let variant = "20 534 . T C,<NON_REF> 461.64 . BaseQRankSum=-2.293;DP=34;ExcessHet=0.0000;MLEAC=1,0;MLEAF=0.500,0.00;MQRankSum=0.000;RAW_MQandDP=122400,34;ReadPosRankSum=1.594 GT:AD:DP:GQ:PL:SB 0/1:13,19,0:32:99:469,0,301,507,358,865:6,7,11,8";
        let block = "20 500 . A <NON_REF> . . END=600 GT:DP:GQ:MIN_DP:PL 0/0:52:99:42:0,105,1424";
        let found = lines(&[&[variant], &[block]]);
        let expected = "20\t534\t.\tT\tC\t460.91\t.\tAC=1;AF=0.250;AN=4;BaseQRankSum=-2.293e+00;DP=76;ExcessHet=0.0000;FS=1.428;MLEAC=1;MLEAF=0.250;MQ=60.00;MQRankSum=0.00;QD=14.40;ReadPosRankSum=1.59;SOR=0.934\tGT:AD:DP:GQ:PL\t0/1:13,19:32:99:469,0,301\t0/0:42,0:42:99:0,105,1424\n";
        assert_eq!(found, [expected]);
    }

    #[test]
    fn blocks_alone_give_nothing() {
        let block = "20 500 . A <NON_REF> . . END=600 GT:DP:GQ:MIN_DP:PL 0/0:52:99:42:0,105,1424";
        assert!(lines(&[&[block], &[block]]).is_empty());
    }

    #[test]
    fn unsorted_input_is_named() {
        let early = "20 5 . A <NON_REF> . . END=6 GT:PL 0/0:0,9,90";
        let late = "20 7 . A <NON_REF> . . END=9 GT:PL 0/0:0,9,90";
        let records = [late, early].map(|text| Ok::<_, Infallible>(record(text)));
        let cohort = Cohort {
            dictionary: &dictionary(),
            options: &Options::default(),
            numeric_keys: &numeric_keys(),
            columns: &[0],
        };
        let result = cohort.genotype(vec![records.into_iter()], None, |_| Ok(()));
        assert!(matches!(
            result,
            Err(JointError::Unsorted {
                input: 0,
                position: 5,
                ..
            })
        ));
    }
}
