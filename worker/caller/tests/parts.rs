//! Output put together from parts equals that of one run, by bytes.

#[path = "support/parts.rs"]
mod support;

use caller::{EmitMode, Options, Scope};
use genome::cigar::{CigarKind, CigarOp};
use genome::dictionary::{Contig, Dictionary};
use genome::partition::Partitions;
use genome::record::{Flags, NewRecord, OwnedRecord, Records};
use genome::reference::Reference;
use genome::region::{ContigId, Region};
use proptest::prelude::*;

const LONG_BP: u64 = 3000;
const SHORT_BP: u64 = 400;

/// A generator of its own: proptest draws the seed and the sizes.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

struct World {
    dictionary: Dictionary,
    packed: Vec<u8>,
    records: Vec<OwnedRecord>,
}

impl World {
    fn new(seed: u64, reads: usize) -> Self {
        let mut dice = Dice(seed);
        let contig = |name: &str, length| Contig {
            name: name.into(),
            length,
        };
        let dictionary = Dictionary::new(vec![contig("a", LONG_BP), contig("b", SHORT_BP)]);
        let packed = (0..dictionary.total_length().div_ceil(4))
            .map(|_| {
                if dice.below(4) == 0 {
                    0
                } else {
                    dice.below(256) as u8
                }
            })
            .collect();
        let mut world = Self {
            dictionary,
            packed,
            records: Vec::new(),
        };
        world.sequence(&mut dice, reads);
        world
    }

    /// Draws reads, most of them over a few places, with real variants of every kind.
    fn sequence(&mut self, dice: &mut Dice, reads: usize) {
        let reference = Reference::new(&self.dictionary, &self.packed, &[]);
        let mut records = Records::default();
        for index in 0..reads {
            let (contig, length) = [(0, LONG_BP), (1, SHORT_BP)][usize::from(dice.below(6) == 0)];
            let deleted = dice.below(2) * 30;
            let start = dice.below(length - 140).min(dice.below(length - 140));
            let region = Region::new(ContigId(contig), start, start + 100 + deleted);
            let mut bases = reference.letters(region);
            // The same deletion and SNV in every read that holds the place.
            let place = (start / 97 + 1) * 97 - start;
            let mut cigar = vec![CigarOp::new(CigarKind::Match, 100 + deleted as u32)];
            if deleted > 0 && (20..80).contains(&place) {
                bases.drain(place as usize..(place + deleted) as usize);
                cigar = vec![
                    CigarOp::new(CigarKind::Match, place as u32),
                    CigarOp::new(CigarKind::Deletion, deleted as u32),
                    CigarOp::new(CigarKind::Match, 100 - place as u32),
                ];
            } else if dice.below(2) == 0 && place < 90 {
                bases[place as usize + 3] = b'T';
            }
            let noise = dice.below(bases.len() as u64) as usize;
            bases[noise] = b"ACGT"[dice.below(4) as usize];
            let name = format!("read{}", index / 2);
            records.push(
                0,
                &NewRecord {
                    name: name.as_bytes(),
                    flags: Flags(
                        Flags::PAIRED
                            | if dice.below(2) == 0 {
                                Flags::REVERSE
                            } else {
                                0
                            },
                    ),
                    placed: Some((ContigId(contig), start as u32)),
                    mapping_quality: 60,
                    cigar: &cigar,
                    mate: Some((ContigId(contig), start as u32)),
                    template_length: 0,
                    bases: &bases,
                    qualities: &vec![20 + dice.below(20) as u8; bases.len()],
                },
            );
        }
        let mut sorted: Vec<OwnedRecord> = records.iter().map(OwnedRecord::from).collect();
        sorted.sort_by_key(|record| (record.view().contig(), record.view().position()));
        self.records = sorted;
    }

    fn call(&self, partition_bp: u64, asked: &[Region], options: &Options) -> String {
        let reference = Reference::new(&self.dictionary, &self.packed, &[]);
        let partitions = Partitions::new(&self.dictionary, partition_bp);
        let scopes: Vec<Scope> = (0..partitions.unplaced())
            .map(|partition| Scope::new(partitions.regions(partition), asked))
            .collect();
        support::text(&reference, &scopes, &self.records, options).0
    }

    fn everything(&self) -> Vec<Region> {
        Scope::whole(&self.dictionary).own().to_vec()
    }
}

fn options(emit: EmitMode) -> Options {
    Options {
        emit,
        reads_per_start: 5,
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn parts_of_any_length_give_the_same_bytes(
        seed: u64,
        reads in 0usize..200,
        partition_bp in 1u64..1500,
        cuts in prop::collection::vec((0u64..2900, 1u64..600), 0..4),
        emit in prop::sample::select(vec![EmitMode::Variants, EmitMode::ReferenceConfidence]),
    ) {
        let world = World::new(seed, reads);
        let mut asked: Vec<Region> = cuts
            .iter()
            .map(|&(start, length)| Region::new(ContigId(0), start, (start + length).min(LONG_BP)))
            .collect();
        if asked.is_empty() {
            asked = world.everything();
        }
        let options = options(emit);
        let partition_bp = if partition_bp < 1400 { partition_bp.max(300) } else { 1_000_000 };
        let whole = world.call(1_000_000, &asked, &options);
        prop_assert_eq!(world.call(partition_bp, &asked, &options), whole);
    }
}

#[test]
fn blocks_and_calls_leave_nothing_out() {
    let world = World::new(7, 300);
    let text = world.call(
        500,
        &world.everything(),
        &options(EmitMode::ReferenceConfidence),
    );
    let mut next = [1, 1];
    let mut blocks_end = [0, 0];
    let mut deletions = 0;
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let contig = usize::from(fields[0] == "b");
        let position: u64 = fields[1].parse().unwrap();
        let info_end = fields[7]
            .strip_prefix("END=")
            .map(|end| end.parse::<u64>().unwrap());
        assert!(position <= next[contig], "{line}");
        match info_end {
            Some(end) => {
                assert!(position > blocks_end[contig], "{line}");
                blocks_end[contig] = end;
            }
            None => deletions += u64::from(fields[3].len() > 1),
        }
        let end = info_end.unwrap_or(position + fields[3].len() as u64 - 1);
        next[contig] = next[contig].max(end + 1);
    }
    assert_eq!(next, [LONG_BP + 1, SHORT_BP + 1]);
    assert!(deletions > 0, "{deletions}");
}

#[test]
fn deletion_is_written_by_the_part_of_its_position() {
    let world = World::new(7, 300);
    let everything = world.everything();
    let options = options(EmitMode::Variants);
    let whole = world.call(1_000_000, &everything, &options);
    let deletion = whole
        .lines()
        .filter(|line| line.starts_with("a\t"))
        .rfind(|line| line.split('\t').nth(3).unwrap().len() > 20)
        .unwrap();
    let position: u64 = deletion.split('\t').nth(1).unwrap().parse().unwrap();
    for partition_bp in [position, position + 1, position + 10] {
        assert_eq!(world.call(partition_bp, &everything, &options), whole);
    }
}
