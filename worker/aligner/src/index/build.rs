//! Building an index from the contigs of a FASTA file.

use super::digest::ReferenceDigest;
use super::header::Header;
use super::suffix_array::{SuffixArray, write};
use super::{Error, occ::Block, words};
use genome::base;
use genome::dictionary::Contig;
use genome::monitor::Monitor;
use genome::reference::AmbiguousRun;
use std::io::{BufWriter, Write};

/// Collects contigs in order and writes their index.
#[derive(Debug, Clone)]
pub struct Builder {
    digest: ReferenceDigest,
    contigs: Vec<(Contig, bool)>,
    comments: Vec<String>,
    runs: Vec<AmbiguousRun>,
    packed: Vec<u8>,
    total_length: u64,
    replacements: Replacements,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// Starts with no contig.
    pub fn new() -> Self {
        Self {
            digest: ReferenceDigest::new(),
            contigs: Vec::new(),
            comments: Vec::new(),
            runs: Vec::new(),
            packed: Vec::new(),
            total_length: 0,
            replacements: Replacements::new(),
        }
    }

    /// Adds a contig; letters may be in either case, and what is not A, C, G or T is kept apart.
    pub fn add_contig(&mut self, name: &str, bases: &[u8]) {
        self.digest.add_contig(name, bases);
        let contig = Contig {
            name: name.into(),
            length: bases.len() as u64,
        };
        self.contigs.push((contig, false));
        self.comments.push(String::new());
        let first_run = self.runs.len();
        for &letter in bases {
            let code = match base::code(letter) {
                base::AMBIGUOUS => {
                    self.note_ambiguous(first_run, letter.to_ascii_uppercase());
                    self.replacements.draw()
                }
                code => code,
            };
            self.push_code(code);
        }
    }

    /// Says what stands behind the name of the contig that was added last.
    pub fn add_comment(&mut self, text: &str) {
        if let Some(comment) = self.comments.last_mut() {
            *comment = text.into();
        }
    }

    /// Marks a contig as an alternate one, as a line of bwa's `.alt` file does.
    ///
    /// Returns false if no contig of this name was added.
    pub fn mark_alternate(&mut self, name: &str) -> bool {
        let found = self.contigs.iter_mut().find(|(c, _)| c.name == name);
        found
            .map(|(_, is_alternate)| *is_alternate = true)
            .is_some()
    }

    /// Marks the contigs that the text of a `.alt` file names: the first field of each line that is
    /// no header. Names that the reference lacks are passed over, as bwa does.
    pub fn mark_alternates(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('@')) {
            self.mark_alternate(line.split('\t').next().unwrap_or(line));
        }
    }

    fn note_ambiguous(&mut self, first_run: usize, letter: u8) {
        let start = self.total_length;
        match self.runs[first_run..].last_mut() {
            Some(run) if run.letter == letter && run.start + run.length == start => run.length += 1,
            _ => self.runs.push(AmbiguousRun {
                start,
                length: 1,
                letter,
            }),
        }
    }

    fn push_code(&mut self, code: u8) {
        let place = self.total_length % 4;
        if place == 0 {
            self.packed.push(0);
        }
        if let Some(last) = self.packed.last_mut() {
            *last |= code << (6 - 2 * place);
        }
        self.total_length += 1;
    }

    /// Builds the index and writes it as one file.
    ///
    /// Memory: ten bytes a base of the reference, 18 from 2^30 bp on.
    ///
    /// # Errors
    /// If the contigs are no reference, memory is short, `out` fails or the monitor says stop.
    pub fn finish(self, monitor: &Monitor, out: &mut impl Write) -> Result<(), Error> {
        self.check()?;
        let text = self.text();
        let array = SuffixArray::build(&text)?;
        if monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let mut base_counts = [0; 4];
        for &code in &text {
            base_counts[code as usize] += 1;
        }
        let header = Header {
            digest: self.digest.finish(),
            primary: array.primary(),
            base_counts,
            contigs: self.contigs,
            comments: self.comments,
            runs: self.runs,
        };
        let sections = header.sections();
        let mut out = Positioned::new(out);
        write(&mut out, &header.encode())?;
        out.pad_to(sections.packed.start)?;
        write(&mut out, &self.packed)?;
        out.pad_to(sections.words.start)?;
        for entry in words::build(text.iter().copied(), text.len() as u64) {
            write(&mut out, &entry.to_le_bytes())?;
        }
        out.pad_to(sections.blocks.start)?;
        array.blocks(&text, monitor, |block: &Block| {
            write(&mut out, &block.to_bytes())
        })?;
        drop(text);
        out.pad_to(sections.samples_low.start)?;
        array.write_samples_low(monitor, &mut out)?;
        out.pad_to(sections.samples_high.start)?;
        array.write_samples_high(&mut out)?;
        out.flush().map_err(|source| Error::Write { source })
    }

    fn check(&self) -> Result<(), Error> {
        if self.total_length == 0 {
            return Err(Error::EmptyReference);
        }
        let mut names = rustc_hash::FxHashSet::default();
        for (contig, _) in &self.contigs {
            let (name, length_bp) = (contig.name.clone(), contig.length);
            if length_bp > i32::MAX as u64 {
                return Err(Error::ContigTooLong { name, length_bp });
            }
            if !names.insert(contig.name.as_str()) {
                return Err(Error::DuplicateContig { name });
            }
        }
        Ok(())
    }

    /// Returns the codes of the forward strand and then of its reverse complement.
    fn text(&self) -> Vec<u8> {
        let length = self.total_length as usize;
        let mut text = Vec::with_capacity(2 * length);
        for &byte in &self.packed {
            text.extend([6, 4, 2, 0].map(|shift| byte >> shift & 3));
        }
        text.truncate(length);
        for at in (0..length).rev() {
            text.push(3 - text[at]);
        }
        text
    }
}

/// What bwa puts in place of ambiguous bases: POSIX `lrand48() & 3` after `srand48(11)`.
#[derive(Debug, Clone)]
struct Replacements(u64);

impl Replacements {
    fn new() -> Self {
        Self(11 << 16 | 0x330E)
    }

    fn draw(&mut self) -> u8 {
        let next = self.0.wrapping_mul(0x5_DEEC_E66D).wrapping_add(0xB);
        self.0 = next & ((1 << 48) - 1);
        (self.0 >> 17 & 3) as u8
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ambiguous_bases_are_kept_as_runs() {
        let mut builder = Builder::new();
        builder.add_contig("a", b"ACnNR");
        builder.add_contig("b", b"RT");
        let runs: Vec<_> = builder
            .runs
            .iter()
            .map(|run| (run.start, run.length, run.letter))
            .collect();
        assert_eq!(runs, [(2, 2, b'N'), (4, 1, b'R'), (5, 1, b'R')]);
        let text = builder.text();
        assert_eq!((&text[..2], text[6]), ([0, 1].as_slice(), 3));
        for at in 0..14 {
            assert_eq!(text[at] + text[13 - at], 3);
        }
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        let finish = |builder: Builder| builder.finish(&Monitor::default(), &mut Vec::new());
        let refused = finish(Builder::new());
        assert!(matches!(refused, Err(Error::EmptyReference)));
        let mut builder = Builder::new();
        builder.add_contig("a", b"ACGT");
        builder.add_contig("a", b"ACGT");
        let refused = finish(builder);
        assert!(matches!(refused, Err(Error::DuplicateContig { .. })));
    }
}
