//! An index on its way into a file, section by section.

use super::blockwise::{self, Marks, Samples, Transform, sample_count};
use super::header::Header;
use super::occ::Block;
use super::plan::{Limits, Plan};
use super::suffix_array::SuffixArray;
use super::text::Text;
use super::{Error, words};
use genome::monitor::Monitor;
use std::io::{BufWriter, Write};
use std::ops::Range;

/// The sorted suffixes of both strands.
pub(super) enum Sorted {
    /// All of them, with the text they belong to.
    Direct(SuffixArray, Vec<u8>),
    /// Their transform, and how many samples of them to make at once.
    Blockwise(Transform, Marks, u64),
}

/// Counts steps for the owner.
pub(super) struct Steps<'a> {
    limits: &'a Limits<'a>,
    done: std::cell::Cell<u64>,
    all: u64,
}

impl<'a> Steps<'a> {
    /// Starts with none done.
    pub fn new(limits: &'a Limits<'a>, symbols: u64, plan: Plan) -> Self {
        let passes = match plan {
            Plan::Direct => 2,
            Plan::Blockwise {
                samples_per_pass, ..
            } => sample_count(symbols + 1).div_ceil(samples_per_pass) + blockwise::STEPS_PER_SYMBOL,
        };
        Self {
            limits,
            done: std::cell::Cell::new(0),
            all: symbols * (1 + passes),
        }
    }

    /// Tells the owner about more.
    pub fn advance(&self, steps: u64) {
        self.done.set(self.done.get() + steps);
        (self.limits.progress)(self.done.get(), self.all);
    }
}

impl Sorted {
    /// Sorts the suffixes of a text in the way planned.
    pub fn build(
        text: Text<'_>,
        plan: Plan,
        steps: &Steps<'_>,
        monitor: &Monitor,
    ) -> Result<Self, Error> {
        let Plan::Blockwise {
            block_symbols,
            samples_per_pass,
        } = plan
        else {
            let codes = text.to_codes();
            let array = SuffixArray::build(&codes)?;
            steps.advance(text.len());
            return Ok(Self::Direct(array, codes));
        };
        let advance = |done| steps.advance(done);
        let work = (steps.limits.threads, &advance as &dyn Fn(u64));
        let (transform, marks) = blockwise::build(text, block_symbols, work, monitor)?;
        Ok(Self::Blockwise(transform, marks, samples_per_pass))
    }

    /// Returns the row whose suffix is the whole text.
    pub fn primary(&self) -> u64 {
        match self {
            Self::Direct(array, _) => array.primary(),
            Self::Blockwise(transform, ..) => transform.primary(),
        }
    }

    /// Returns how often each base occurs in both strands.
    pub fn base_counts(&self) -> [u64; 4] {
        match self {
            Self::Blockwise(transform, ..) => transform.counts(),
            Self::Direct(_, codes) => {
                let mut counts = [0; 4];
                codes.iter().for_each(|&code| counts[code as usize] += 1);
                counts
            }
        }
    }

    /// Writes the index whose head is given.
    pub fn write(
        &self,
        (header, packed): (&Header, &[u8]),
        steps: &Steps<'_>,
        monitor: &Monitor,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let sections = header.sections();
        let text = Text::new(packed, header.total_length());
        let mut out = Positioned::new(out);
        write(&mut out, &header.encode())?;
        out.pad_to(sections.packed.start)?;
        write(&mut out, packed)?;
        out.pad_to(sections.words.start)?;
        for entry in words::build(text.codes(), text.len()) {
            write(&mut out, &entry.to_le_bytes())?;
        }
        out.pad_to(sections.blocks.start)?;
        let mut write_block = |block: &Block| write(&mut out, &block.to_bytes());
        match self {
            Self::Direct(array, codes) => array.blocks(codes, monitor, write_block)?,
            Self::Blockwise(transform, ..) => {
                transform.blocks().iter().try_for_each(&mut write_block)?;
            }
        }
        steps.advance(text.len());
        out.pad_to(sections.samples_low.start)?;
        let high_start = sections.samples_high.start;
        match self {
            Self::Direct(array, _) => {
                array.write_samples_low(monitor, &mut out)?;
                out.pad_to(high_start)?;
                array.write_samples_high(&mut out)?;
                steps.advance(text.len());
            }
            Self::Blockwise(transform, marks, per_pass) => {
                let work = (transform, marks, *per_pass);
                write_samples(work, (steps, monitor), high_start, &mut out)?;
            }
        }
        out.flush().map_err(|source| Error::Write { source })
    }
}

/// Makes and writes the samples, pass by pass.
fn write_samples<W: Write>(
    (transform, marks, per_pass): (&Transform, &Marks, u64),
    (steps, monitor): (&Steps<'_>, &Monitor),
    high_start: u64,
    out: &mut Positioned<W>,
) -> Result<(), Error> {
    let all = sample_count(transform.rows());
    let range = |start: u64| -> Range<u64> { start..all.min(start + per_pass) };
    let mut samples = Samples::with_room(&range(0), transform.rows());
    for start in (0..all).step_by(per_pass as usize) {
        if monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        samples.move_to(&range(start));
        samples.fill(transform, marks, steps.limits.threads);
        for low in samples.low() {
            write(out, &low.to_le_bytes())?;
        }
        steps.advance(transform.rows() - 1);
    }
    out.pad_to(high_start)?;
    for high in samples.high() {
        write(out, &[high])?;
    }
    Ok(())
}

/// A buffered writer that knows how far it has come.
struct Positioned<W: Write> {
    out: BufWriter<W>,
    position: u64,
}

impl<W: Write> Positioned<W> {
    fn new(out: W) -> Self {
        Self {
            out: BufWriter::with_capacity(1 << 20, out),
            position: 0,
        }
    }

    fn pad_to(&mut self, position: u64) -> Result<(), Error> {
        let missing = position.saturating_sub(self.position) as usize;
        write(self, &vec![0; missing])
    }
}

impl<W: Write> Write for Positioned<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.position += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Writes bytes and names the error.
pub(super) fn write(out: &mut impl Write, bytes: &[u8]) -> Result<(), Error> {
    out.write_all(bytes)
        .map_err(|source| Error::Write { source })
}
