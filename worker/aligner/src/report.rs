//! What is reported of a read or a pair: which alignments become lines, with which flags.

use crate::alignment::Alignment;
use crate::context::Context;
use crate::final_alignment::{FinalAlignment, Tracer, alternative_of, is_left_out, push_number};
use crate::insert_size::{Orientations, orientation};
use crate::pair::Choice;
use crate::record::{Input, Line, RecordWriter};
use genome::cigar;
use genome::record::{Flags, Records};
use genome::region::ContigId;

/// Memory to report reads.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    tracer: Tracer,
    writer: RecordWriter,
    lines: [Vec<FinalAlignment>; 2],
    alternatives: Vec<u8>,
}

impl Reporter {
    /// Reports a read without mate.
    pub fn report_single(
        &mut self,
        context: &Context<'_>,
        input: &Input<'_>,
        all: &[Alignment],
        records: &mut Records,
    ) {
        self.clear();
        self.list_alone(context, input, all, (0, 0));
        self.write_end(context, input, all, (0, false), records);
    }

    /// Reports two ends that were paired.
    pub fn report_pair(
        &mut self,
        context: &Context<'_>,
        inputs: &[Input<'_>; 2],
        ends: &mut [Vec<Alignment>; 2],
        (ordinary, choice): ([usize; 2], &Choice),
        records: &mut Records,
    ) {
        self.clear();
        let proper = if choice.is_proper {
            Flags::PROPER_PAIR
        } else {
            0
        };
        for (end, all) in ends.iter_mut().enumerate() {
            let flags = [Flags::FIRST, Flags::SECOND][end] | proper;
            let (chosen, ordinary) = (choice.chosen[end], ordinary[end]);
            make_head(all, chosen, ordinary);
            let read = inputs[end].codes;
            let mut main = self.tracer.finish(context, read, &all[chosen]);
            main.mapping_quality = choice.mapping_quality[end];
            main.flags |= flags;
            main.source = Some(chosen);
            self.lines[end].push(main);
            let best_alternate = all.get(ordinary).filter(|a| {
                a.is_alternate && a.score >= context.options.min_score && a.is_primary()
            });
            if let Some(alternate) = best_alternate {
                let mut line = self.tracer.finish(context, read, alternate);
                line.flags |= flags | Flags::SUPPLEMENTARY;
                line.source = Some(ordinary);
                self.lines[end].push(line);
            }
        }
        for end in 0..2 {
            self.write_end(context, &inputs[end], &ends[end], (end, true), records);
        }
    }

    /// Reports two ends each alone.
    pub fn report_unpaired(
        &mut self,
        context: &Context<'_>,
        orientations: &Orientations,
        inputs: &[Input<'_>; 2],
        ends: &[Vec<Alignment>; 2],
        records: &mut Records,
    ) {
        self.clear();
        for end in 0..2 {
            let flag = [Flags::FIRST, Flags::SECOND][end];
            self.list_alone(context, &inputs[end], &ends[end], (end, flag));
        }
        if !context.options.skip_pairing && self.is_proper(context, orientations, ends) {
            for line in self.lines.iter_mut().flatten() {
                line.flags |= Flags::PROPER_PAIR;
            }
        }
        for end in 0..2 {
            self.write_end(context, &inputs[end], &ends[end], (end, true), records);
        }
    }

    fn clear(&mut self) {
        self.tracer.clear();
        self.lines.iter_mut().for_each(Vec::clear);
    }

    /// Says whether two ends that were not paired lie as a proper pair does.
    fn is_proper(
        &self,
        context: &Context<'_>,
        orientations: &Orientations,
        ends: &[Vec<Alignment>; 2],
    ) -> bool {
        let contig = |end: usize| self.lines[end][0].placed.map(|(contig, _)| contig);
        let (Some(first), Some(second)) = (ends[0].first(), ends[1].first()) else {
            return false;
        };
        if contig(0).is_none() || contig(0) != contig(1) {
            return false;
        }
        let (which, distance) =
            orientation(context.index, first.reference_start, second.reference_start);
        orientations.0[which].is_some_and(|sizes| sizes.contains(distance))
    }

    /// Lists the lines of a read that is not paired.
    fn list_alone(
        &mut self,
        context: &Context<'_>,
        input: &Input<'_>,
        all: &[Alignment],
        (end, flag): (usize, u16),
    ) {
        let options = context.options;
        let keeps_quality = options.keep_supplementary_quality || options.five_prime_primary;
        let lines = &mut self.lines[end];
        for (at, alignment) in all.iter().enumerate() {
            if is_left_out(context, all, at) {
                continue;
            }
            let mut line = self.tracer.finish(context, input.codes, alignment);
            line.source = Some(at);
            line.flags |= flag;
            if !alignment.is_primary() {
                line.sub_score = None;
            }
            if let Some(first) = lines.first() {
                if alignment.is_primary() && options.split_as_secondary {
                    line.is_shown_secondary = true;
                } else if alignment.is_primary() {
                    line.flags |= Flags::SUPPLEMENTARY;
                }
                if !keeps_quality && !alignment.is_alternate {
                    line.mapping_quality = line.mapping_quality.min(first.mapping_quality);
                }
            }
            lines.push(line);
        }
        if lines.is_empty() {
            let mut line = FinalAlignment::unmapped();
            line.flags |= flag;
            lines.push(line);
        }
    }

    fn write_end(
        &mut self,
        context: &Context<'_>,
        input: &Input<'_>,
        all: &[Alignment],
        (end, is_paired): (usize, bool),
        records: &mut Records,
    ) {
        for which in 0..self.lines[end].len() {
            self.alternatives.clear();
            if let (Some(source), false) =
                (self.lines[end][which].source, context.options.report_all)
            {
                self.list_alternatives(context, input, all, source);
            }
            let line = Line {
                all: &self.lines[end],
                which,
                mate: is_paired.then(|| &self.lines[1 - end][0]),
                alternatives: &self.alternatives,
            };
            self.writer
                .write(context, &self.tracer, input, &line, records);
        }
    }

    /// Fills XA: the good alignments that this one masks.
    fn list_alternatives(
        &mut self,
        context: &Context<'_>,
        input: &Input<'_>,
        all: &[Alignment],
        head: usize,
    ) {
        let options = context.options;
        let belongs = |&at: &usize| alternative_of(context, all, at) == Some(head);
        let count = (0..all.len()).filter(belongs).count();
        let has_alternate = (0..all.len())
            .filter(belongs)
            .any(|at| all[at].is_alternate);
        if count > options.max_alternatives_with_alternate
            || (!has_alternate && count > options.max_alternatives)
        {
            return;
        }
        for at in (0..all.len()).filter(belongs) {
            let line = self.tracer.finish(context, input.codes, &all[at]);
            let Some((contig, position)) = line.placed else {
                continue;
            };
            let text = &mut self.alternatives;
            let contig = context.index.dictionary().contig(ContigId(contig));
            text.extend_from_slice(contig.name.as_bytes());
            text.extend_from_slice(if line.is_reverse { b",-" } else { b",+" });
            push_number(text, i64::from(position) + 1);
            text.push(b',');
            cigar::write_text(self.tracer.ops[line.cigar].iter().copied(), text);
            text.push(b',');
            push_number(text, line.mismatches);
            text.push(b';');
        }
    }
}

/// Makes the chosen alignment the head of its family, so that XA lists the others.
fn make_head(all: &mut [Alignment], chosen: usize, ordinary: usize) {
    let Some(parent) = all[chosen]
        .family
        .filter(|&parent| (parent as usize) < ordinary)
    else {
        return;
    };
    for (at, alignment) in all.iter_mut().enumerate() {
        if alignment.family == Some(parent) || at == parent as usize {
            alignment.family = Some(chosen as u32);
        }
    }
    all[chosen].family = None;
}
