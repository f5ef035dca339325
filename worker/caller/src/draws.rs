//! What is drawn at random: by place, or as GATK draws it.

use crate::annotate::{jittered, jittered_by};
use crate::downsample;
use crate::options::Options;
use crate::random::{GATK_SEED, JavaRandom};
use crate::region_read::RegionRead;
use genome::region::ContigId;

/// A source of chance.
#[derive(Debug)]
pub enum Draws {
    /// Every draw depends on its place alone.
    ByPlace,
    /// One running generator serves all draws in order.
    Running(Running),
}

/// A running generator, and the last starts that reads were handed on for.
#[derive(Debug)]
pub struct Running {
    random: JavaRandom,
    /// The last two starts with their number of reads, the later one first, each with the end of
    /// the reads before it.
    last: [Option<Start>; 2],
    /// One past the last position that a read covers so far.
    end: u64,
    contig: ContigId,
}

/// The reads of one start.
#[derive(Debug, Clone, Copy)]
struct Start {
    position: u64,
    reads: usize,
    end_before: u64,
}

impl Draws {
    /// Starts as the options say.
    pub fn new(options: &Options) -> Self {
        if !options.gatk_random {
            return Self::ByPlace;
        }
        Self::Running(Running {
            random: JavaRandom::new(GATK_SEED),
            last: [None; 2],
            end: 0,
            contig: ContigId(0),
        })
    }

    /// Returns up to where positions are walked before the reads of the next start are drawn.
    ///
    /// The program whose draws are followed looks ahead: it draws a start when it has handed on the
    /// last read of the one before, and it holds one read more than it needs. `None`: it draws
    /// before the first position.
    pub fn walked_before(&self, contig: ContigId, start: u64) -> Option<u64> {
        let Self::Running(running) = self else {
            return Some(start);
        };
        if running.contig != contig {
            return None;
        }
        let [last, before] = running.last;
        let consumed = match last? {
            last if last.reads > 1 => last,
            _ => before?,
        };
        consumed.end_before.min(consumed.position).checked_sub(1)
    }

    /// Keeps at most `limit` of the reads of one start.
    pub fn downsample(&mut self, reads: &mut Vec<RegionRead>, limit: usize) {
        match self {
            Self::ByPlace => downsample::by_rank(reads, limit),
            Self::Running(running) => running.downsample(reads, limit),
        }
    }

    /// Says whether so many reads of one start are drawn from.
    pub const fn needs_draw(&self, reads: usize, limit: usize) -> bool {
        matches!(self, Self::Running(_)) && limit > 0 && reads > limit
    }

    /// Returns what is written for a raw quality by depth.
    pub fn quality_by_depth(&mut self, raw: f64, contig: ContigId, position: u64) -> f64 {
        match self {
            Self::ByPlace => jittered(raw, contig, position),
            Self::Running(running) => jittered_by(raw, || running.random.gaussian()),
        }
    }
}

impl Running {
    fn downsample(&mut self, reads: &mut Vec<RegionRead>, limit: usize) {
        downsample::by_reservoir(reads, limit, &mut self.random);
        let Some(first) = reads.first() else {
            return;
        };
        if first.head.contig != self.contig {
            self.contig = first.head.contig;
            self.last = [None; 2];
            self.end = 0;
        }
        let start = Start {
            position: first.start,
            reads: reads.len(),
            end_before: self.end,
        };
        self.last = [Some(start), self.last[0]];
        let ends = reads.iter().map(RegionRead::end);
        self.end = ends.fold(self.end, u64::max);
    }
}
