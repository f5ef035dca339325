//! Aligns FASTQ files (plain text) and prints SAM without header: INDEX READS [MATES], options as
//! those of bwa mem with the value joined to the letter.

use aligner::stream::{Block, READS_PER_BLOCK, Stream};
use aligner::{Index, InsertSize, Options};
use genome::reads::Read;
use genome::record::Records;
use genome::record::sam::write_sam;
use std::error::Error;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::Path;

/// Bases of a batch without `-K`.
const BATCH_BASES: u64 = 100_000_000;

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let (flags, paths): (Vec<_>, Vec<_>) = std::env::args()
        .skip(1)
        .partition(|argument| argument.starts_with('-'));
    let options = options(&flags);
    let index = Index::open(Path::new(&paths[0]))?;
    let open = |path| Ok::<_, io::Error>(BufReader::new(File::open(path)?).lines());
    let mut sources: Vec<_> = paths[1..].iter().map(open).collect::<Result<_, _>>()?;
    let threads = flags.iter().find_map(|flag| flag.strip_prefix("-t"));
    let threads = threads.map_or(Ok(1), str::parse)?;
    let wanted = flags.iter().find_map(|flag| flag.strip_prefix("-K"));
    let wanted = wanted.map_or(Ok(BATCH_BASES), str::parse)?;
    let has_mates = sources.len() == 2;
    let stream = Stream {
        index: &index,
        options: &options,
        threads,
        paired: has_mates,
        read_group: None,
        waiting_bases: wanted,
    };
    let (mut first_ordinal, mut batch_bases) = (0, 0);
    let source = || {
        let mut block = next_block(&mut sources, wanted - batch_bases)?;
        block.first_ordinal = first_ordinal;
        first_ordinal += block.reads.len() as u64;
        batch_bases += block.reads.total_bases();
        if batch_bases >= wanted {
            (block.ends_batch, batch_bases) = (true, 0);
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(Some(block).filter(|block| !block.reads.is_empty()))
    };
    let render = |_: &Block<()>, records: Records| {
        let mut text = Vec::new();
        for record in records.iter() {
            write_sam(record, index.dictionary(), &mut text);
        }
        text
    };
    let mut out = std::io::stdout().lock();
    stream.run(source, render, |text: Vec<u8>| Ok(out.write_all(&text)?))?;
    Ok(())
}

fn options(flags: &[String]) -> Options {
    let has = |flag: &str| flags.iter().any(|given| given == flag);
    let mut options = Options {
        soft_clip_supplementary: has("-Y"),
        split_as_secondary: has("-M"),
        report_all: has("-a"),
        five_prime_primary: has("-5"),
        keep_supplementary_quality: has("-q"),
        skip_mate_rescue: has("-S"),
        skip_pairing: has("-P"),
        ignore_alternate: has("-j"),
        ..Options::default()
    };
    for flag in flags {
        let Ok(value) = flag[2..].parse::<f64>() else {
            continue;
        };
        let whole = value as i32;
        match flag.as_bytes()[1] {
            b'A' => options.match_score = whole,
            b'B' => options.mismatch_penalty = whole,
            b'O' => (options.gap_open_deletion, options.gap_open_insertion) = (whole, whole),
            b'E' => (options.gap_extend_deletion, options.gap_extend_insertion) = (whole, whole),
            b'L' => (options.clip_penalty_5, options.clip_penalty_3) = (whole, whole),
            b'w' => options.band_width = whole,
            b'd' => options.z_drop = whole,
            b'T' => options.min_score = whole,
            b'U' => options.unpaired_penalty = whole,
            b'k' => options.min_seed_length = whole,
            b'r' => options.reseed_factor = value as f32,
            b's' => options.reseed_max_occurrences = value as u64,
            b'y' => options.third_round_occurrences = value as u64,
            b'c' => options.max_occurrences = value as u64,
            b'G' => options.max_chain_gap = whole,
            b'X' => options.mask_level = value as f32,
            b'D' => options.drop_ratio = value as f32,
            b'W' => options.min_chain_weight = whole,
            b'N' => options.max_chain_extensions = value as usize,
            b'm' => options.max_mate_rescues = value as usize,
            b'Q' => options.mapping_quality_length = whole,
            b'I' => options.insert_size = Some(InsertSize::given(value, None, None, None)),
            b'h' => {
                options.max_alternatives = value as usize;
                options.max_alternatives_with_alternate = value as usize;
            }
            _ => {}
        }
    }
    options
}

fn next_block(sources: &mut [Lines<BufReader<File>>], most_bases: u64) -> io::Result<Block<()>> {
    let mut block = Block::default();
    let reads = &mut block.reads;
    while reads.len() < READS_PER_BLOCK && reads.total_bases() < most_bases {
        for source in &mut *sources {
            let mut line = || source.next().transpose();
            let (Some(name), Some(bases)) = (line()?, line()?) else {
                return Ok(block);
            };
            line()?;
            let mut qualities = line()?.unwrap_or_default().into_bytes();
            qualities.iter_mut().for_each(|byte| *byte -= 33);
            let name = name[1..].split_whitespace().next().unwrap_or("");
            let name = name
                .strip_suffix("/1")
                .or(name.strip_suffix("/2"))
                .unwrap_or(name);
            reads.push(Read {
                name: name.as_bytes(),
                bases: bases.as_bytes(),
                qualities: &qualities,
            });
        }
    }
    Ok(block)
}
