//! Tracing: position, CIGAR, NM and MD of an alignment.

use super::{FinalAlignment, push_number};
use crate::alignment::Alignment;
use crate::context::Context;
use crate::global::{GlobalAligner, Want};
use crate::mapping_quality::mapping_quality;
use genome::base;
use genome::cigar::{CigarKind, CigarOp};

/// Most bands tried, each twice as wide as the one before.
const MOST_TRIES: usize = 3;

/// Traces alignments and holds what they consist of.
#[derive(Debug, Default)]
pub(crate) struct Tracer {
    global: GlobalAligner,
    query: Vec<u8>,
    window: Vec<u8>,
    /// Operations of all traced alignments.
    pub ops: Vec<CigarOp>,
    /// MD texts of all traced alignments.
    pub text: Vec<u8>,
}

/// The outcome of one global alignment.
#[derive(Debug, Clone, Copy)]
struct Traced {
    score: i32,
    is_gapless: bool,
}

impl Tracer {
    /// Forgets all traced alignments.
    pub fn clear(&mut self) {
        self.ops.clear();
        self.text.clear();
    }

    /// Returns the global score of a stretch of the read against a stretch of the reference;
    /// `None` if that is empty or lies on both strands.
    pub fn score(
        &mut self,
        context: &Context<'_>,
        query: &[u8],
        reference: (i64, i64),
        band: i32,
    ) -> Option<i32> {
        self.load(context, query, reference)?;
        Some(self.trace(context, band, Want::Score).score)
    }

    /// Works out how an alignment is printed.
    pub fn finish(
        &mut self,
        context: &Context<'_>,
        read: &[u8],
        alignment: &Alignment,
    ) -> FinalAlignment {
        let query = &read[alignment.query_start as usize..alignment.query_end as usize];
        let (start, end) = (alignment.reference_start, alignment.reference_end);
        let first_op = self.ops.len();
        let first_text = self.text.len();
        let mut mismatches = 0;
        if self.load(context, query, (start, end)).is_some() {
            self.trace_best(context, alignment);
            let is_reverse = start >= context.index.strand_length();
            mismatches = self.describe(first_op, is_reverse);
        }
        let strand = context.index.strand_length();
        let inner = if start < strand { start } else { end - 1 };
        let (mut forward, is_reverse) = context.index.to_forward(inner);
        forward += self.cut_end_deletion(first_op);
        self.add_clips(first_op, read.len() as i32, alignment, is_reverse);
        let contig = context.index.contig_at(forward);
        FinalAlignment {
            placed: Some((contig, (forward - context.index.offset(contig)) as u32)),
            is_reverse,
            is_alternate: alignment.is_alternate,
            mapping_quality: if alignment.is_primary() {
                mapping_quality(context.options, alignment)
            } else {
                0
            },
            flags: if alignment.is_primary() { 0 } else { 0x100 },
            is_shown_secondary: false,
            mismatches,
            cigar: first_op..self.ops.len(),
            mismatch_text: first_text..self.text.len(),
            score: alignment.score,
            sub_score: Some(alignment.sub_score.max(alignment.tandem_score)),
            alternate_score: alignment.alternate_score,
            source: None,
        }
    }

    /// Fetches both stretches, reversed for the reverse strand so that gaps lie leftmost.
    fn load(
        &mut self,
        context: &Context<'_>,
        query: &[u8],
        (start, end): (i64, i64),
    ) -> Option<()> {
        let strand = context.index.strand_length();
        if query.is_empty() || start >= end || (start < strand && end > strand) {
            return None;
        }
        self.query.clear();
        self.query.extend_from_slice(query);
        self.window.clear();
        context.index.fetch_codes(start, end, &mut self.window);
        if start >= strand {
            self.query.reverse();
            self.window.reverse();
        }
        Some(())
    }

    /// Aligns what was loaded.
    fn trace(&mut self, context: &Context<'_>, band: i32, want: Want) -> Traced {
        let options = context.options;
        let (query_bp, window_bp) = (self.query.len() as i32, self.window.len() as i32);
        if query_bp == window_bp && band == 0 {
            let pairs = self.query.iter().zip(&self.window);
            let score = pairs.map(|(&one, &other)| options.score(one, other)).sum();
            return Traced {
                score,
                is_gapless: true,
            };
        }
        let difference = (window_bp - query_bp).abs();
        let longest = options.longest_gap((query_bp + 1) >> 1);
        let band = band
            .min((longest + difference + 1) >> 1)
            .max(difference + 3);
        Traced {
            score: self
                .global
                .score(options, (&self.query, &self.window), band, want),
            is_gapless: false,
        }
    }

    /// Aligns what was loaded, in wider bands until the score of the extension is reached.
    fn trace_best(&mut self, context: &Context<'_>, alignment: &Alignment) {
        let options = context.options;
        let widest = options.band_width << 2;
        let mut band = least_band(context, alignment);
        if band > options.band_width {
            band = band.min(alignment.band);
        }
        let mut before = -(1 << 30);
        let mut traced = Traced {
            score: 0,
            is_gapless: false,
        };
        for _ in 0..MOST_TRIES {
            band = band.min(widest);
            traced = self.trace(context, band, Want::Path);
            let is_enough = traced.score >= alignment.true_score - options.match_score;
            if traced.score == before || band == widest || is_enough {
                break;
            }
            before = traced.score;
            band <<= 1;
        }
        let (query_bp, window_bp) = (self.query.len(), self.window.len());
        if traced.is_gapless {
            let op = CigarOp::new(CigarKind::Match, query_bp as u32);
            self.ops.push(op);
        } else {
            self.global.path(query_bp, window_bp, &mut self.ops);
        }
    }

    /// Appends the MD text of the operations from `first_op` on; returns NM.
    fn describe(&mut self, first_op: usize, is_reverse: bool) -> i32 {
        let letter = |code: u8| {
            base::LETTERS[if is_reverse {
                base::complement_code(code)
            } else {
                code
            } as usize]
        };
        let (mut x, mut y, mut equal, mut mismatches) = (0, 0, 0, 0);
        let last = self.ops.len() - 1;
        for (at, op) in self.ops.iter().enumerate().skip(first_op) {
            let length = op.len() as usize;
            match op.kind() {
                CigarKind::Match => {
                    for (&read, &reference) in self.query[x..x + length]
                        .iter()
                        .zip(&self.window[y..y + length])
                    {
                        if read == reference {
                            equal += 1;
                            continue;
                        }
                        push_number(&mut self.text, equal);
                        self.text.push(letter(reference));
                        (equal, mismatches) = (0, mismatches + 1);
                    }
                    (x, y) = (x + length, y + length);
                }
                CigarKind::Deletion => {
                    if at > first_op && at < last {
                        push_number(&mut self.text, equal);
                        self.text.push(b'^');
                        let deleted = &self.window[y..y + length];
                        self.text.extend(deleted.iter().map(|&code| letter(code)));
                        (equal, mismatches) = (0, mismatches + length as i32);
                    }
                    y += length;
                }
                _ => (x, mismatches) = (x + length, mismatches + length as i32),
            }
        }
        push_number(&mut self.text, equal);
        mismatches
    }

    /// Removes a leading deletion, else a trailing one; returns how far the position moves.
    fn cut_end_deletion(&mut self, first_op: usize) -> i64 {
        let is_deletion = |op: &CigarOp| op.kind() == CigarKind::Deletion;
        if self.ops.get(first_op).is_some_and(is_deletion) {
            return i64::from(self.ops.remove(first_op).len());
        }
        if self.ops[first_op..].last().is_some_and(is_deletion) {
            self.ops.pop();
        }
        0
    }

    fn add_clips(
        &mut self,
        first_op: usize,
        read_bp: i32,
        alignment: &Alignment,
        is_reverse: bool,
    ) {
        let (mut left, mut right) = (alignment.query_start, read_bp - alignment.query_end);
        if is_reverse {
            std::mem::swap(&mut left, &mut right);
        }
        if left > 0 {
            let clip = CigarOp::new(CigarKind::SoftClip, left as u32);
            self.ops.insert(first_op, clip);
        }
        if right > 0 {
            let clip = CigarOp::new(CigarKind::SoftClip, right as u32);
            self.ops.push(clip);
        }
    }
}

/// Returns the band that the score of an alignment asks for.
fn least_band(context: &Context<'_>, alignment: &Alignment) -> i32 {
    let options = context.options;
    let query_bp = alignment.query_span();
    let reference_bp = alignment.reference_span() as i32;
    let infer = |open: i32, extend: i32| {
        let best = query_bp.min(reference_bp) * options.match_score;
        let lost = best - alignment.true_score;
        if query_bp == reference_bp && lost < (open + extend - options.match_score) << 1 {
            return 0;
        }
        let band = (f64::from(lost - open) / f64::from(extend) + 2.0) as i32;
        band.max((query_bp - reference_bp).abs())
    };
    let deletion = infer(options.gap_open_deletion, options.gap_extend_deletion);
    let insertion = infer(options.gap_open_insertion, options.gap_extend_insertion);
    deletion.max(insertion)
}
