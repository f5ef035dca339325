//! The bytes of a part's coverage.

use genome::region::{ContigId, Region};

use super::seam::{Counted, DepthPart, Stretch};
use super::{Coverage, DEPTHS, Depths, Excluded, TargetDepth};
use crate::container::{Decoder, Error, put_varint};

impl DepthPart {
    /// Appends the part's bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let coverage = &self.coverage;
        put_varint(out, coverage.contigs.len() as u64);
        coverage
            .contigs
            .iter()
            .for_each(|depths| put_depths(depths, out));
        put_depths(&coverage.targets, out);
        put_targets(&coverage.by_target, out);
        for number in coverage.excluded.numbers() {
            put_varint(out, number);
        }
        put_varint(out, self.stretches.len() as u64);
        self.stretches
            .iter()
            .for_each(|stretch| put_stretch(stretch, out));
    }

    /// Reads a part back.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not one.
    pub fn decode(fields: &mut Decoder<'_>) -> Result<Self, Error> {
        let mut coverage = Coverage::default();
        for _ in 0..fields.count()? {
            coverage.contigs.push(take_depths(fields)?);
        }
        coverage.targets = take_depths(fields)?;
        coverage.by_target = take_targets(fields)?;
        coverage.excluded = Excluded {
            mapping_quality: fields.varint()?,
            duplicate: fields.varint()?,
            unpaired: fields.varint()?,
            base_quality: fields.varint()?,
            overlap: fields.varint()?,
            capped: fields.varint()?,
        };
        let mut stretches = Vec::new();
        for _ in 0..fields.count()? {
            stretches.push(take_stretch(fields)?);
        }
        Ok(Self {
            coverage,
            stretches,
        })
    }
}

fn put_depths(depths: &Depths, out: &mut Vec<u8>) {
    let used = depths.positions.iter().rposition(|&count| count > 0);
    let used = used.map_or(0, |last| last + 1);
    put_varint(out, used as u64);
    for &count in &depths.positions[..used] {
        put_varint(out, count);
    }
}

fn take_depths(fields: &mut Decoder<'_>) -> Result<Depths, Error> {
    let mut depths = Depths::default();
    for at in 0..fields.count()? {
        let count = fields.varint()?;
        *depths.positions.get_mut(at).ok_or(fields.range())? = count;
    }
    Ok(depths)
}

/// Writes the targets that were met, each with its number.
fn put_targets(targets: &[TargetDepth], out: &mut Vec<u8>) {
    let met = || targets.iter().enumerate().filter(|(_, t)| t.territory > 0);
    put_varint(out, targets.len() as u64);
    put_varint(out, met().count() as u64);
    for (index, target) in met() {
        put_varint(out, index as u64);
        put_varint(out, target.territory);
        put_varint(out, target.bases);
        target
            .at_least
            .iter()
            .for_each(|&count| put_varint(out, count));
    }
}

fn take_targets(fields: &mut Decoder<'_>) -> Result<Vec<TargetDepth>, Error> {
    let all: u32 = fields.varint_as()?;
    let mut targets = vec![TargetDepth::default(); all as usize];
    for _ in 0..fields.count()? {
        let index: u32 = fields.varint_as()?;
        let mut target = TargetDepth {
            territory: fields.varint()?,
            bases: fields.varint()?,
            at_least: [0; DEPTHS.len()],
        };
        for count in &mut target.at_least {
            *count = fields.varint()?;
        }
        *targets.get_mut(index as usize).ok_or(fields.range())? = target;
    }
    Ok(targets)
}

fn put_stretch(stretch: &Stretch, out: &mut Vec<u8>) {
    let region = stretch.region.unwrap_or(Region::new(ContigId(0), 0, 0));
    put_varint(out, region.contig.0.into());
    put_varint(out, region.start);
    put_varint(out, region.end);
    for depths in [&stretch.head, &stretch.tail] {
        put_varint(out, depths.len() as u64);
        for &depth in depths {
            // An unknown one is 0, the others are one more than they are.
            put_varint(out, u64::from(depth.wrapping_add(1)));
        }
    }
    for names in [&stretch.head_names, &stretch.tail_names] {
        put_varint(out, names.len() as u64);
        for (name, counted) in names {
            put_varint(out, name.len() as u64);
            out.extend_from_slice(name);
            put_varint(out, counted.start);
            put_varint(out, counted.counted.len() as u64);
            for eight in counted.counted.chunks(8) {
                let bits = eight.iter().enumerate();
                out.push(bits.fold(0, |byte, (at, &bit)| byte | u8::from(bit) << at));
            }
        }
    }
}

fn take_stretch(fields: &mut Decoder<'_>) -> Result<Stretch, Error> {
    let contig = ContigId(fields.varint_u32()?);
    let (start, end) = (fields.varint()?, fields.varint()?);
    if end < start {
        return Err(fields.range());
    }
    Ok(Stretch {
        region: Some(Region::new(contig, start, end)),
        head: take_line(fields)?,
        tail: take_line(fields)?,
        head_names: take_names(fields)?,
        tail_names: take_names(fields)?,
    })
}

fn take_line(fields: &mut Decoder<'_>) -> Result<Vec<u32>, Error> {
    let mut depths = Vec::new();
    for _ in 0..fields.count()? {
        depths.push(fields.varint_u32()?.wrapping_sub(1));
    }
    Ok(depths)
}

fn take_names(fields: &mut Decoder<'_>) -> Result<Vec<(Vec<u8>, Counted)>, Error> {
    let mut names = Vec::new();
    for _ in 0..fields.count()? {
        let length = fields.count()?;
        let name = fields.bytes(length)?.to_vec();
        let start = fields.varint()?;
        let length: u32 = fields.varint_as()?;
        let bytes = fields.bytes((length as usize).div_ceil(8))?;
        let bit = |at: usize| bytes[at / 8] >> (at % 8) & 1 == 1;
        let counted = (0..length as usize).map(bit).collect();
        names.push((name, Counted { start, counted }));
    }
    Ok(names)
}
