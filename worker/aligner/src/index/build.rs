//! Building an index from the contigs of a FASTA file.

use super::Error;
use super::digest::ReferenceDigest;
use super::header::Header;
use super::plan::{Limits, Plan};
use super::text::Text;
use super::write::{Sorted, Steps};
use genome::base;
use genome::dictionary::Contig;
use genome::monitor::Monitor;
use genome::reference::AmbiguousRun;
use std::io::Write;

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

    /// Builds the index in the fastest way and writes it as one file.
    ///
    /// Memory: ten bytes a base of the reference, 18 from 2^30 bp on.
    ///
    /// # Errors
    /// As [`Self::finish_within`].
    pub fn finish(self, monitor: &Monitor, out: &mut impl Write) -> Result<(), Error> {
        self.finish_within(&Limits::default(), monitor, out)
    }

    /// Builds the index within limits and writes it as one file, the same whatever the limits.
    ///
    /// # Errors
    /// If the contigs are no reference, memory is short, `out` fails or the monitor says stop.
    pub fn finish_within(
        self,
        limits: &Limits<'_>,
        monitor: &Monitor,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        self.check()?;
        let plan = Plan::of(self.total_length, limits.memory_bytes)?;
        self.finish_as(plan, limits, monitor, out)
    }

    fn finish_as(
        self,
        plan: Plan,
        limits: &Limits<'_>,
        monitor: &Monitor,
        out: &mut impl Write,
    ) -> Result<(), Error> {
        let text = Text::new(&self.packed, self.total_length);
        let steps = Steps::new(limits, text.len(), plan);
        let sorted = Sorted::build(text, plan, &steps, monitor)?;
        if monitor.is_cancelled() {
            return Err(Error::Cancelled);
        }
        let header = Header {
            digest: self.digest.finish(),
            primary: sorted.primary(),
            base_counts: sorted.base_counts(),
            contigs: self.contigs,
            comments: self.comments,
            runs: self.runs,
        };
        sorted.write((&header, &self.packed), &steps, monitor, out)
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
        let text = Text::new(&builder.packed, builder.total_length).to_codes();
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

    #[test]
    fn the_file_is_the_same_whichever_way_the_suffixes_are_sorted() {
        let mut builder = Builder::new();
        let mut state = 7u64;
        for contig in 0..40 {
            let length = [1, 3, 60, 700][contig % 4];
            let mut bases = Vec::new();
            for at in 0..length {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let letters: &[u8] = if at / 50 % 7 == 3 {
                    b"NRYKM"
                } else {
                    b"ACGTacgt"
                };
                bases.push(letters[(state >> 33) as usize % letters.len()]);
            }
            bases.extend_from_slice(&[b'A'; 70]);
            builder.add_contig(&format!("c{contig}"), &bases);
            builder.add_comment("of many");
        }
        builder.mark_alternate("c7");
        let write = |plan: Plan, threads: usize| {
            let (told, monitor) = (std::sync::Mutex::new((0, 1)), Monitor::default());
            let limits = Limits {
                threads,
                progress: &|done, all| *told.lock().unwrap() = (done, all),
                ..Limits::default()
            };
            let mut bytes = Vec::new();
            builder
                .clone()
                .finish_as(plan, &limits, &monitor, &mut bytes)
                .unwrap();
            let (done, all) = *told.lock().unwrap();
            assert_eq!(done, all);
            bytes
        };
        let expected = write(Plan::Direct, 1);
        for (block_symbols, samples_per_pass) in [(7, 600), (1000, 5000), (21_000, 100_000)] {
            let plan = Plan::Blockwise {
                block_symbols,
                samples_per_pass,
            };
            assert!(write(plan, 1) == expected, "{plan:?}");
            assert!(write(plan, 3) == expected, "{plan:?} on three threads");
        }
    }

    #[test]
    fn too_little_memory_is_refused_with_what_would_do() {
        let limits = Limits {
            memory_bytes: 1 << 20,
            ..Limits::default()
        };
        let mut builder = Builder::new();
        builder.add_contig("a", b"ACGT");
        let refused = builder.finish_within(&limits, &Monitor::default(), &mut Vec::new());
        assert!(
            matches!(refused, Err(Error::Memory { given, needed }) if given == 1 << 20 && needed > 64 << 20)
        );
    }
}
