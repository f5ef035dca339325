//! The flags of `bwa mem` that choose how to align.

use aligner::{InsertSize, Options};
use clap::{Args as ClapArgs, ValueEnum};

/// Kinds of reads with options of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// PacBio reads of the first generations
    #[value(alias = "pbref")]
    Pacbio,
    /// Nanopore reads in both directions
    Ont2d,
    /// Contigs of the same species
    Intractg,
}

/// Everything that becomes an option of the aligner.
#[derive(Debug, ClapArgs)]
pub struct Choices {
    /// Kind of reads; options that are given win
    #[arg(short = 'x', value_name = "STR")]
    preset: Option<Preset>,
    #[command(flatten)]
    scoring: Scoring,
    #[command(flatten)]
    search: Search,
    #[command(flatten)]
    reporting: Reporting,
}

/// Scores and penalties.
#[derive(Debug, ClapArgs)]
pub struct Scoring {
    /// Score of a match; scales the others that are not given
    #[arg(short = 'A', value_name = "INT")]
    match_score: Option<i32>,
    /// Penalty of a mismatch; 4 if not given
    #[arg(short = 'B', value_name = "INT")]
    mismatch: Option<i32>,
    /// Penalty of opening a deletion and an insertion; 6,6 if not given
    #[arg(short = 'O', value_name = "INT[,INT]", value_parser = parse_pair)]
    gap_open: Option<(i32, i32)>,
    /// Penalty of each base of a deletion and an insertion; 1,1 if not given
    #[arg(short = 'E', value_name = "INT[,INT]", value_parser = parse_pair)]
    gap_extend: Option<(i32, i32)>,
    /// Penalty of clipping at the 5' and the 3' end; 5,5 if not given
    #[arg(short = 'L', value_name = "INT[,INT]", value_parser = parse_pair)]
    clip: Option<(i32, i32)>,
    /// Penalty of an unpaired pair; 17 if not given
    #[arg(short = 'U', value_name = "INT")]
    unpaired: Option<i32>,
    /// Least score of a reported alignment; 30 if not given
    #[arg(short = 'T', value_name = "INT")]
    min_score: Option<i32>,
    /// Drop below the best score at which an extension ends; 100 if not given
    #[arg(short = 'd', value_name = "INT")]
    z_drop: Option<i32>,
}

/// Where to look.
#[derive(Debug, ClapArgs)]
pub struct Search {
    /// Least length of a seed; 19 if not given
    #[arg(short = 'k', value_name = "INT")]
    min_seed_length: Option<i32>,
    /// Band width; 100 if not given
    #[arg(short = 'w', value_name = "INT")]
    band_width: Option<i32>,
    /// Seeds this many times longer than -k are searched for inner ones; 1.5 if not given
    #[arg(short = 'r', value_name = "FLOAT")]
    reseed_factor: Option<f32>,
    /// Occurrences below which seeds of the third round are taken; 20 if not given
    #[arg(short = 'y', value_name = "INT")]
    third_round: Option<u64>,
    /// Most occurrences of a seed that are used; 500 if not given
    #[arg(short = 'c', value_name = "INT")]
    max_occurrences: Option<u64>,
    /// Chains with less than this fraction of an overlapping better one are dropped; 0.50 if not given
    #[arg(short = 'D', value_name = "FLOAT")]
    drop_ratio: Option<f32>,
    /// Least weight of a chain; 0 if not given
    #[arg(short = 'W', value_name = "INT")]
    min_chain_weight: Option<i32>,
    /// Seeds with more occurrences are not searched for inner ones; 10 if not given
    #[arg(short = 's', value_name = "INT")]
    reseed_max_occurrences: Option<u64>,
    /// Longest gap within a chain; 10000 if not given
    #[arg(short = 'G', value_name = "INT")]
    max_chain_gap: Option<i32>,
    /// Most chains of a read that overlap others; all if not given
    #[arg(short = 'N', value_name = "INT")]
    max_chains: Option<usize>,
    /// Overlap from which one hit masks another; 0.50 if not given
    #[arg(short = 'X', value_name = "FLOAT")]
    mask_level: Option<f32>,
    /// Length from which mapping quality falls; 50 if not given
    #[arg(short = 'Q', value_name = "INT")]
    mapping_quality_length: Option<i32>,
    /// Insert sizes of pairs, instead of an estimate
    #[arg(short = 'I', value_name = "MEAN[,SD[,MAX[,MIN]]]", value_parser = parse_insert_size)]
    insert_size: Option<InsertSize>,
    /// Most rescues tried for a mate; 50 if not given
    #[arg(short = 'm', value_name = "INT")]
    max_mate_rescues: Option<usize>,
    /// No mate rescue
    #[arg(short = 'S')]
    skip_mate_rescue: bool,
    /// No pairing; mate rescue stays on
    #[arg(short = 'P')]
    skip_pairing: bool,
    /// Treat alternate contigs as others
    #[arg(short = 'j')]
    ignore_alternate: bool,
}

/// What to report.
#[derive(Debug, ClapArgs)]
pub struct Reporting {
    /// More hits than this give no XA tag; the second number counts where one is alternate; 5,200 if not given
    #[arg(short = 'h', value_name = "INT[,INT]", value_parser = parse_pair)]
    max_alternatives: Option<(i32, i32)>,
    /// Report all hits
    #[arg(short = 'a')]
    all: bool,
    /// Flag shorter split hits as secondary
    #[arg(short = 'M')]
    split_as_secondary: bool,
    /// Soft clips in supplementary records
    #[arg(short = 'Y')]
    soft_clip: bool,
    /// The split hit nearest the 5' end is the primary one; implies -q
    #[arg(short = '5')]
    five_prime: bool,
    /// Supplementary records keep their own mapping quality
    #[arg(short = 'q')]
    keep_quality: bool,
}

impl Choices {
    /// Returns the options: those given, then those of the kind of reads, then the defaults,
    /// which `-A` multiplies unless a kind of reads was given.
    pub fn options(&self) -> Options {
        let mut options = Options::default();
        match self.preset {
            Some(preset) => preset.apply(&mut options),
            None => scale(&mut options, self.scoring.match_score.unwrap_or(1)),
        }
        self.scoring.apply(&mut options);
        self.search.apply(&mut options);
        self.reporting.apply(&mut options);
        options
    }
}

impl Preset {
    fn apply(self, options: &mut Options) {
        let (open, extend, mismatch, clip) = match self {
            Self::Pacbio | Self::Ont2d => (1, 1, 1, 0),
            Self::Intractg => (16, 1, 9, 5),
        };
        (options.gap_open_deletion, options.gap_open_insertion) = (open, open);
        (options.gap_extend_deletion, options.gap_extend_insertion) = (extend, extend);
        (options.clip_penalty_5, options.clip_penalty_3) = (clip, clip);
        options.mismatch_penalty = mismatch;
        let seeds = match self {
            Self::Pacbio => (40, 17),
            Self::Ont2d => (20, 14),
            Self::Intractg => return,
        };
        (options.min_chain_weight, options.min_seed_length) = seeds;
        options.reseed_factor = 10.0;
    }
}

/// Multiplies everything that is measured in matches.
fn scale(options: &mut Options, match_score: i32) {
    for score in [
        &mut options.mismatch_penalty,
        &mut options.gap_open_deletion,
        &mut options.gap_open_insertion,
        &mut options.gap_extend_deletion,
        &mut options.gap_extend_insertion,
        &mut options.clip_penalty_5,
        &mut options.clip_penalty_3,
        &mut options.unpaired_penalty,
        &mut options.min_score,
        &mut options.z_drop,
    ] {
        *score = score.saturating_mul(match_score);
    }
}

impl Scoring {
    fn apply(&self, options: &mut Options) {
        set(&mut options.match_score, self.match_score);
        set(&mut options.mismatch_penalty, self.mismatch);
        set(&mut options.unpaired_penalty, self.unpaired);
        set(&mut options.min_score, self.min_score);
        set(&mut options.z_drop, self.z_drop);
        set(&mut options.gap_open_deletion, self.gap_open.map(|o| o.0));
        set(&mut options.gap_open_insertion, self.gap_open.map(|o| o.1));
        let extend = self.gap_extend;
        set(&mut options.gap_extend_deletion, extend.map(|e| e.0));
        set(&mut options.gap_extend_insertion, extend.map(|e| e.1));
        set(&mut options.clip_penalty_5, self.clip.map(|l| l.0));
        set(&mut options.clip_penalty_3, self.clip.map(|l| l.1));
    }
}

impl Search {
    fn apply(&self, options: &mut Options) {
        set(&mut options.min_seed_length, self.min_seed_length);
        set(&mut options.band_width, self.band_width);
        set(&mut options.reseed_factor, self.reseed_factor);
        set(&mut options.third_round_occurrences, self.third_round);
        set(&mut options.max_occurrences, self.max_occurrences);
        let most = self.reseed_max_occurrences;
        set(&mut options.reseed_max_occurrences, most);
        set(&mut options.max_chain_gap, self.max_chain_gap);
        set(&mut options.max_chain_extensions, self.max_chains);
        set(&mut options.mask_level, self.mask_level);
        let length = self.mapping_quality_length;
        set(&mut options.mapping_quality_length, length);
        set(&mut options.drop_ratio, self.drop_ratio);
        set(&mut options.min_chain_weight, self.min_chain_weight);
        set(&mut options.max_mate_rescues, self.max_mate_rescues);
        options.insert_size = self.insert_size;
        options.skip_mate_rescue = self.skip_mate_rescue;
        options.skip_pairing = self.skip_pairing;
        options.ignore_alternate = self.ignore_alternate;
    }
}

impl Reporting {
    fn apply(&self, options: &mut Options) {
        if let Some((plain, alternate)) = self.max_alternatives {
            options.max_alternatives = plain.max(0) as usize;
            options.max_alternatives_with_alternate = alternate.max(0) as usize;
        }
        options.report_all = self.all;
        options.split_as_secondary = self.split_as_secondary;
        options.soft_clip_supplementary = self.soft_clip;
        options.five_prime_primary = self.five_prime;
        options.keep_supplementary_quality = self.keep_quality || self.five_prime;
    }
}

fn set<T>(option: &mut T, given: Option<T>) {
    if let Some(value) = given {
        *option = value;
    }
}

/// Parses one or two numbers; one stands for both.
fn parse_pair(text: &str) -> Result<(i32, i32), String> {
    let number = |text: &str| {
        text.parse()
            .map_err(|_| format!("not INT or INT,INT: {text}"))
    };
    match text.split_once(',') {
        Some((first, second)) => Ok((number(first)?, number(second)?)),
        None => number(text).map(|both| (both, both)),
    }
}

/// Parses mean, standard deviation, greatest and least; any punctuation stands between them.
fn parse_insert_size(text: &str) -> Result<InsertSize, String> {
    let is_separator = |c: char| c.is_ascii_punctuation() && !".+-".contains(c);
    let numbers: Result<Vec<f64>, _> = text.split(is_separator).map(str::parse).collect();
    match numbers.as_deref() {
        Ok([mean, rest @ ..]) if rest.len() <= 3 && numbers_are_finite(rest, *mean) => {
            let at = |index: usize| rest.get(index).copied();
            Ok(InsertSize::given(*mean, at(0), at(1), at(2)))
        }
        _ => Err(format!("not MEAN[,SD[,MAX[,MIN]]]: {text}")),
    }
}

fn numbers_are_finite(rest: &[f64], mean: f64) -> bool {
    mean.is_finite() && rest.iter().all(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    #[command(disable_help_flag = true)]
    struct Line {
        #[command(flatten)]
        choices: Choices,
    }

    fn options(line: &str) -> Options {
        let words = std::iter::once("align").chain(line.split_whitespace());
        Line::try_parse_from(words).unwrap().choices.options()
    }

    #[test]
    fn a_match_score_scales_what_is_not_given() {
        let options = options("-A 2 -B 5");
        assert_eq!((options.match_score, options.mismatch_penalty), (2, 5));
        assert_eq!((options.gap_open_deletion, options.min_score), (12, 60));
        assert_eq!(options.min_seed_length, 19);
    }

    #[test]
    fn a_kind_of_reads_fills_what_is_not_given_and_is_not_scaled() {
        let options = options("-x ont2d -k 16 -A 2");
        assert_eq!(
            (options.min_seed_length, options.min_chain_weight),
            (16, 20)
        );
        assert_eq!((options.match_score, options.mismatch_penalty), (2, 1));
        assert_eq!((options.min_score, options.clip_penalty_3), (30, 0));
        assert_eq!(self::options("-x pbref").min_seed_length, 17);
        assert_eq!(self::options("-x intractg").gap_open_insertion, 16);
    }

    #[test]
    fn insert_sizes_may_be_given_in_part() {
        let size = |text| parse_insert_size(text).unwrap();
        assert_eq!((size("300").low, size("300").high), (180, 420));
        assert_eq!((size("300,50").low, size("300:50").high), (100, 500));
        assert_eq!(
            (size("300,50,450,9").low, size("300,50,450").high),
            (9, 450)
        );
        for wrong in ["", "x", "300,", "1,2,3,4,5", "nan"] {
            assert!(parse_insert_size(wrong).is_err(), "{wrong}");
        }
    }
}
