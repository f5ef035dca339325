//! The flags that describe one genome: shared by `run` and `submit`.

use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, FromArgMatches, ValueEnum};

/// One genome, as flags.
#[derive(Debug, Clone, clap::Args)]
pub struct GenomeArgs {
    /// Reference FASTA, plain or gzip; its index REF.spindle is made when it is missing
    #[arg(long, short = 'R', value_name = "FASTA")]
    pub reference: String,
    /// Sample name: names the outputs, SM of the read groups and the column of the VCF
    #[arg(long, value_name = "NAME")]
    pub sample: String,
    #[command(flatten)]
    pub lanes: Lanes,
    /// Known variants (VCF) for base recalibration; may be given again
    #[arg(long, value_name = "VCF")]
    pub known_sites: Vec<String>,
    /// What to make
    #[arg(long, value_delimiter = ',', default_value = "bam,vcf")]
    pub emit: Vec<Emit>,
    /// Limits calls and recalibration: contig, contig:start-end (1-based, inclusive), contig:position or a BED file
    #[arg(long, short = 'L', value_name = "INTERVAL")]
    pub intervals: Vec<String>,
    /// Grows each interval on both sides, in bp
    #[arg(long, default_value_t = 0, value_name = "BP")]
    pub interval_padding: u32,
    /// Write recalibrated qualities into the BAM instead of the original ones
    #[arg(long)]
    pub recalibrated_qualities: bool,
    /// Replace existing outputs of the same names
    #[arg(long)]
    pub overwrite: bool,
    /// Who goes first: 1 to 5
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub priority: u32,
    /// Bases of a read batch
    #[arg(long, hide = true, default_value_t = 0, value_name = "BP")]
    pub read_batch_bp: u64,
    /// Length of a partition
    #[arg(long, hide = true, default_value_t = 0, value_name = "BP")]
    pub partition_bp: u64,
}

/// An output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Emit {
    /// NAME.bam and NAME.bam.bai
    Bam,
    /// NAME.vcf.gz and NAME.vcf.gz.tbi
    Vcf,
    /// NAME.g.vcf.gz and NAME.g.vcf.gz.tbi
    Gvcf,
}

/// The reads of one lane, as flags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LaneReads {
    /// One or two FASTQ files.
    Fastq(Vec<String>),
    /// One FASTQ file of interleaved pairs.
    Interleaved(String),
    /// One BAM file.
    Bam(String),
}

/// All lanes in the order of the command line, with their read groups.
#[derive(Debug, Clone, Default)]
pub struct Lanes {
    /// Reads of each lane.
    pub reads: Vec<LaneReads>,
    /// `@RG` lines: none, or one a lane.
    pub read_groups: Vec<String>,
}

impl FromArgMatches for Lanes {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut lanes: Vec<(usize, LaneReads)> = Vec::new();
        for name in ["reads", "interleaved", "bam"] {
            let indices: Vec<usize> = matches.indices_of(name).into_iter().flatten().collect();
            let groups = matches
                .get_occurrences::<String>(name)
                .into_iter()
                .flatten();
            let mut next = 0;
            for group in groups {
                let files: Vec<String> = group.cloned().collect();
                let first = indices[next];
                next += files.len();
                lanes.push((first, lane(name, files)));
            }
        }
        lanes.sort_by_key(|(index, _)| *index);
        let read_groups = matches.get_many::<String>("read_group");
        let lanes = Self {
            reads: lanes.into_iter().map(|(_, reads)| reads).collect(),
            read_groups: read_groups.into_iter().flatten().cloned().collect(),
        };
        lanes.check()
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Lanes {
    fn check(self) -> Result<Self, clap::Error> {
        let groups = self.read_groups.len();
        if groups == 0 || groups == self.reads.len() {
            return Ok(self);
        }
        let lanes = self.reads.len();
        let message =
            format!("{groups} --read-group for {lanes} lanes: give none, or one a lane\n");
        Err(clap::Error::raw(
            clap::error::ErrorKind::WrongNumberOfValues,
            message,
        ))
    }
}

impl clap::Args for Lanes {
    fn augment_args(command: Command) -> Command {
        let lane = |name: &'static str, value: &'static str| {
            Arg::new(name)
                .long(name)
                .action(ArgAction::Append)
                .value_name(value)
        };
        command
            .arg(
                lane("reads", "FASTQ")
                    .num_args(1..=2)
                    .required_unless_present_any(["interleaved", "bam"])
                    .help("One or two FASTQ files of a lane (plain, gzip or BGZF); again for each lane"),
            )
            .arg(lane("interleaved", "FASTQ").help("A FASTQ file of a lane in which mates are neighbours"))
            .arg(lane("bam", "BAM").help("A BAM file of a lane: its primary records are aligned anew"))
            .arg(
                Arg::new("read_group")
                    .long("read-group")
                    .action(ArgAction::Append)
                    .value_name("@RG")
                    .help("Read group of each lane, '@RG\\tID:...'; made of sample and lane when none is given"),
            )
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn lane(name: &str, files: Vec<String>) -> LaneReads {
    match (name, files.as_slice()) {
        ("interleaved", [file, ..]) => LaneReads::Interleaved(file.clone()),
        ("bam", [file, ..]) => LaneReads::Bam(file.clone()),
        _ => LaneReads::Fastq(files),
    }
}

/// Parses a size such as `8G`, `512M` or a number of bytes.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'K' | b'k') => (&text[..text.len() - 1], 10),
        Some(b'M' | b'm') => (&text[..text.len() - 1], 20),
        Some(b'G' | b'g') => (&text[..text.len() - 1], 30),
        Some(b'T' | b't') => (&text[..text.len() - 1], 40),
        _ => (text, 0),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("not a size like 8G: {text}"))?;
    number
        .checked_shl(shift)
        .filter(|size| size >> shift == number)
        .ok_or("too large".into())
}

/// Parses `NAME=DIR`.
///
/// # Errors
/// A sentence for the command line.
pub fn parse_root(text: &str) -> Result<(String, PathBuf), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    match text.split_once('=') {
        Some((name, dir)) if !name.is_empty() && name.chars().all(plain) && !dir.is_empty() => {
            Ok((name.into(), dir.into()))
        }
        _ => Err(format!("not NAME=DIR: {text}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        genome: GenomeArgs,
    }

    fn parse(extra: &[&str]) -> Result<GenomeArgs, clap::Error> {
        let fixed = ["x", "--reference", "r.fa", "--sample", "s"];
        Line::try_parse_from(fixed.iter().chain(extra)).map(|line| line.genome)
    }

    #[test]
    fn lanes_keep_the_order_of_the_command_line() {
        let args = parse(&[
            "--reads",
            "a1",
            "a2",
            "--bam",
            "b",
            "--reads",
            "c",
            "--interleaved",
            "d",
        ]);
        let expected = vec![
            LaneReads::Fastq(vec!["a1".into(), "a2".into()]),
            LaneReads::Bam("b".into()),
            LaneReads::Fastq(vec!["c".into()]),
            LaneReads::Interleaved("d".into()),
        ];
        assert_eq!(args.unwrap().lanes.reads, expected);
    }

    #[test]
    fn read_groups_are_all_or_none() {
        assert!(parse(&["--reads", "a", "--reads", "b", "--read-group", "@RG\\tID:x"]).is_err());
        assert!(parse(&["--read-group", "@RG\\tID:x"]).is_err());
    }

    #[test]
    fn sizes_have_binary_suffixes() {
        assert_eq!(parse_bytes("8G"), Ok(8 << 30));
        assert_eq!(parse_bytes("17"), Ok(17));
        assert!(parse_bytes("G").is_err() && parse_bytes("99999999999T").is_err());
    }
}
