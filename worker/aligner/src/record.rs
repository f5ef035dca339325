//! Records: flags, mate fields and tags of the lines of a read.

use crate::Options;
use crate::context::Context;
use crate::final_alignment::{FinalAlignment, Tracer, push_number};
use genome::base;
use genome::cigar::{self, CigarKind, CigarOp};
use genome::reads::Read;
use genome::record::{Flags, NewRecord, Records};
use genome::region::ContigId;

/// A read of the batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Input<'a> {
    /// Index in the batch.
    pub index: u32,
    /// Name and qualities.
    pub read: Read<'a>,
    /// Bases as codes.
    pub codes: &'a [u8],
    /// RG.
    pub read_group: Option<&'a str>,
}

/// One line among those of its read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line<'a> {
    /// All lines of the read.
    pub all: &'a [FinalAlignment],
    /// Which of them.
    pub which: usize,
    /// The main line of the mate, for pairs.
    pub mate: Option<&'a FinalAlignment>,
    /// Text of XA, if there is any.
    pub alternatives: &'a [u8],
}

/// Place and strand, after an unmapped end was put where its mate is.
#[derive(Debug, Clone, Copy, Default)]
struct Side {
    placed: Option<(u32, u32)>,
    is_reverse: bool,
}

/// Memory to write records.
#[derive(Debug, Default)]
pub(crate) struct RecordWriter {
    letters: Vec<u8>,
    qualities: Vec<u8>,
    ops: Vec<CigarOp>,
    text: Vec<u8>,
}

impl RecordWriter {
    /// Appends the record of a line.
    pub fn write(
        &mut self,
        context: &Context<'_>,
        tracer: &Tracer,
        input: &Input<'_>,
        line: &Line<'_>,
        records: &mut Records,
    ) {
        let options = context.options;
        let own = &line.all[line.which];
        let (side, mate_side) = sides(own, line.mate);
        let flags = flags(own, line, side, mate_side);
        let has_bases = flags & Flags::SECONDARY == 0 || own.is_shown_secondary;
        let clip_is_hard = clip_is_hard(options, own, line.which);
        self.ops.clear();
        self.ops
            .extend(printed(&tracer.ops[own.cigar.clone()], clip_is_hard));
        let cut = if clip_is_hard {
            end_clips(&self.ops)
        } else {
            (0, 0)
        };
        self.orient(input, side.is_reverse);
        let kept = cut.0..self.letters.len() - cut.1;
        let to_place = |(contig, position)| (ContigId(contig), position);
        let record = NewRecord {
            name: input.read.name,
            flags: Flags(flags),
            placed: side.placed.map(to_place),
            mapping_quality: own.mapping_quality,
            cigar: &self.ops,
            mate: mate_side.placed.map(to_place),
            template_length: template_length(tracer, own, line.mate),
            bases: if has_bases {
                &self.letters[kept.clone()]
            } else {
                &[]
            },
            qualities: match self.qualities.get(kept) {
                Some(qualities) if has_bases => qualities,
                _ => &[],
            },
        };
        records.push(input.index, &record);
        self.write_tags(context, tracer, input, line, records);
    }

    fn write_tags(
        &mut self,
        context: &Context<'_>,
        tracer: &Tracer,
        input: &Input<'_>,
        line: &Line<'_>,
        records: &mut Records,
    ) {
        let own = &line.all[line.which];
        if !own.cigar.is_empty() {
            records.tag_integer(*b"NM", own.mismatches);
            records.tag_text(*b"MD", &tracer.text[own.mismatch_text.clone()]);
        }
        if let Some(mate) = line.mate.filter(|mate| !mate.cigar.is_empty()) {
            let is_hard = clip_is_hard(context.options, mate, line.which);
            self.text.clear();
            cigar::write_text(
                printed(&tracer.ops[mate.cigar.clone()], is_hard),
                &mut self.text,
            );
            records.tag_text(*b"MC", &self.text);
        }
        records.tag_integer(*b"AS", own.score);
        if let Some(sub_score) = own.sub_score.filter(|&score| score >= 0) {
            records.tag_integer(*b"XS", sub_score);
        }
        if let Some(read_group) = input.read_group {
            records.tag_text(*b"RG", read_group.as_bytes());
        }
        if own.flags & Flags::SECONDARY == 0 {
            self.write_split(context, tracer, line, records);
            if own.alternate_score > 0 {
                let ratio = f64::from(own.score) / f64::from(own.alternate_score);
                // bwa prints three decimals; the tag holds what a reader of that text would store.
                let printed = format!("{ratio:.3}").parse().unwrap_or(ratio as f32);
                records.tag_float(*b"pa", printed);
            }
        }
        if !line.alternatives.is_empty() {
            records.tag_text(*b"XA", line.alternatives);
        }
    }

    /// Adds SA: the other lines of a split read.
    fn write_split(
        &mut self,
        context: &Context<'_>,
        tracer: &Tracer,
        line: &Line<'_>,
        records: &mut Records,
    ) {
        self.text.clear();
        for (at, other) in line.all.iter().enumerate() {
            let (Some((contig, position)), true) = (other.placed, at != line.which) else {
                continue;
            };
            if other.flags & Flags::SECONDARY != 0 {
                continue;
            }
            let text = &mut self.text;
            let contig = context.index.dictionary().contig(ContigId(contig));
            text.extend_from_slice(contig.name.as_bytes());
            text.push(b',');
            push_number(text, i64::from(position) + 1);
            text.extend_from_slice(if other.is_reverse { b",-," } else { b",+," });
            cigar::write_text(tracer.ops[other.cigar.clone()].iter().copied(), text);
            text.push(b',');
            push_number(text, other.mapping_quality);
            text.push(b',');
            push_number(text, other.mismatches);
            text.push(b';');
        }
        if !self.text.is_empty() {
            records.tag_text(*b"SA", &self.text);
        }
    }

    /// Puts bases and qualities on the forward strand.
    fn orient(&mut self, input: &Input<'_>, is_reverse: bool) {
        let letter = |code: u8| base::LETTERS[code as usize];
        self.letters.clear();
        self.qualities.clear();
        if is_reverse {
            let codes = input.codes.iter().rev();
            self.letters
                .extend(codes.map(|&code| letter(base::complement_code(code))));
            self.qualities.extend(input.read.qualities.iter().rev());
        } else {
            self.letters
                .extend(input.codes.iter().map(|&code| letter(code)));
            self.qualities.extend_from_slice(input.read.qualities);
        }
    }
}

/// Returns where both ends are shown: an unmapped one with its mate.
fn sides(own: &FinalAlignment, mate: Option<&FinalAlignment>) -> (Side, Side) {
    let side = |end: &FinalAlignment| Side {
        placed: end.placed,
        is_reverse: end.is_reverse,
    };
    let here = side(own);
    let Some(there) = mate.map(side) else {
        return (here, Side::default());
    };
    match (here.placed, there.placed) {
        (None, Some(_)) => (there, there),
        (Some(_), None) => (here, here),
        _ => (here, there),
    }
}

fn flags(own: &FinalAlignment, line: &Line<'_>, side: Side, mate_side: Side) -> u16 {
    let mut flags = own.flags;
    let mut set = |flag: u16, is_set: bool| flags |= if is_set { flag } else { 0 };
    set(Flags::SECONDARY, own.is_shown_secondary);
    set(Flags::UNMAPPED, own.placed.is_none());
    set(Flags::REVERSE, side.is_reverse);
    if let Some(mate) = line.mate {
        set(Flags::PAIRED, true);
        set(Flags::MATE_UNMAPPED, mate.placed.is_none());
        set(Flags::MATE_REVERSE, mate_side.is_reverse);
    }
    flags
}

/// Says whether clips of an alignment are hard on a line.
const fn clip_is_hard(options: &Options, alignment: &FinalAlignment, which: usize) -> bool {
    which > 0 && !options.soft_clip_supplementary && !alignment.is_alternate
}

/// Returns the operations as they are printed.
fn printed(ops: &[CigarOp], clip_is_hard: bool) -> impl Iterator<Item = CigarOp> + '_ {
    ops.iter().map(move |&op| match op.kind() {
        CigarKind::SoftClip if clip_is_hard => CigarOp::new(CigarKind::HardClip, op.len()),
        _ => op,
    })
}

/// Returns the lengths of the clips at both ends.
fn end_clips(ops: &[CigarOp]) -> (usize, usize) {
    let length = |op: Option<&CigarOp>| {
        op.filter(|op| op.kind().is_clip())
            .map_or(0, |op| op.len() as usize)
    };
    (length(ops.first()), length(ops.last()))
}

/// Returns TLEN.
fn template_length(tracer: &Tracer, own: &FinalAlignment, mate: Option<&FinalAlignment>) -> i32 {
    let outer = |end: &FinalAlignment| {
        let (contig, position) = end.placed?;
        let ops = &tracer.ops[end.cigar.clone()];
        let span = cigar::reference_span(ops.iter().copied()) as i64;
        let last = if end.is_reverse { span - 1 } else { 0 };
        (!ops.is_empty()).then_some((contig, i64::from(position) + last))
    };
    match (outer(own), mate.and_then(outer)) {
        (Some((contig, here)), Some((other, there))) if contig == other => {
            let apart = here - there;
            -(apart + apart.signum()) as i32
        }
        _ => 0,
    }
}
