//! Duplicate keys as bytes of a run: what the run's source says is left out.

use std::io::Read;

use genome::order::Place;

use super::key::{EndKey, EndSite, LoneEnd, Orientation, PairKey, PairSite};
use super::location::Location;
use crate::container::{Decoder, Error, Frames, put_signed, put_varint};
use crate::run::RunSource;

const REVERSE: u8 = 1;
const LONE: u8 = 2;

/// Keys of one sort that can be read from a section.
pub trait Key: Sized {
    /// Reads one key of a run with this source.
    ///
    /// # Errors
    /// [`Error`] if the bytes are not a key.
    fn take(fields: &mut Decoder<'_>, source: &RunSource) -> Result<Self, Error>;
}

/// Reads a section of keys in their order.
#[derive(Debug)]
pub struct KeyReader<R, K> {
    frames: Frames<R>,
    source: RunSource,
    next: usize,
    keys: std::marker::PhantomData<K>,
}

impl<R: Read, K: Key> KeyReader<R, K> {
    /// Reads the section whose bytes `input` gives, of a run with this source.
    pub fn new(input: R, source: RunSource) -> Self {
        Self {
            frames: Frames::new(input),
            source,
            next: 0,
            keys: std::marker::PhantomData,
        }
    }

    fn next_key(&mut self) -> Result<Option<K>, Error> {
        while self.next == self.frames.frame().len() {
            self.next = 0;
            if !self.frames.next_frame()? {
                return Ok(None);
            }
        }
        let frame = self.frames.frame();
        let mut fields = Decoder::new(&frame[self.next..], "key section");
        let key = K::take(&mut fields, &self.source)?;
        self.next = frame.len() - fields.remaining();
        Ok(Some(key))
    }
}

impl<R: Read, K: Key> Iterator for KeyReader<R, K> {
    type Item = Result<K, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_key().transpose()
    }
}

impl Key for PairKey {
    fn take(fields: &mut Decoder<'_>, source: &RunSource) -> Result<Self, Error> {
        let orientation = orientation(fields)?;
        let read_orientation = self::orientation(fields)?;
        let contig = fields.varint_as()?;
        let coordinate = fields.signed_as()?;
        let second_contig = fields.varint_as()?;
        let second_coordinate = fields.signed_as()?;
        Ok(Self {
            site: PairSite {
                library: source.library,
                contig,
                coordinate,
                orientation,
                second_contig,
                second_coordinate,
                barcode: 0,
            },
            location: take_location(fields)?,
            places: [
                take_place(fields, source, (contig, coordinate))?,
                take_place(fields, source, (second_contig, second_coordinate))?,
            ],
            score: fields.signed_as()?,
            read_group: source.read_group,
            read_orientation,
        })
    }
}

impl Key for EndKey {
    fn take(fields: &mut Decoder<'_>, source: &RunSource) -> Result<Self, Error> {
        let marks = fields.u8()?;
        if marks > (REVERSE | LONE) {
            return Err(fields.range());
        }
        let contig = fields.varint_as()?;
        let coordinate = fields.signed_as()?;
        let site = EndSite {
            library: source.library,
            contig,
            coordinate,
            reverse: marks & REVERSE != 0,
            barcode: 0,
        };
        if marks & LONE == 0 {
            return Ok(Self { site, lone: None });
        }
        let lone = LoneEnd {
            location: take_location(fields)?,
            place: take_place(fields, source, (contig, coordinate))?,
            score: fields.signed_as()?,
        };
        Ok(Self {
            site,
            lone: Some(lone),
        })
    }
}

/// Appends a pair key.
pub(super) fn put_pair(out: &mut Vec<u8>, key: &PairKey, source: &RunSource) {
    let site = &key.site;
    out.push(site.orientation as u8);
    out.push(key.read_orientation as u8);
    put_varint(out, u64::from(site.contig));
    put_signed(out, site.coordinate.into());
    put_varint(out, u64::from(site.second_contig));
    put_signed(out, site.second_coordinate.into());
    put_location(out, &key.location);
    put_place(out, &key.places[0], source, site.coordinate);
    put_place(out, &key.places[1], source, site.second_coordinate);
    put_signed(out, key.score.into());
}

/// Appends an end key.
pub(super) fn put_end(out: &mut Vec<u8>, key: &EndKey, source: &RunSource) {
    let reverse = if key.site.reverse { REVERSE } else { 0 };
    let lone = if key.lone.is_some() { LONE } else { 0 };
    out.push(reverse | lone);
    put_varint(out, u64::from(key.site.contig));
    put_signed(out, key.site.coordinate.into());
    if let Some(lone) = &key.lone {
        put_location(out, &lone.location);
        put_place(out, &lone.place, source, key.site.coordinate);
        put_signed(out, lone.score.into());
    }
}

/// A mapped record lies on the contig of its end, near its coordinate.
fn put_place(out: &mut Vec<u8>, place: &Place, source: &RunSource, coordinate: i32) {
    out.push(u8::from(place.reverse));
    put_signed(out, i64::from(place.position) - i64::from(coordinate));
    put_varint(out, place.ordinal - source.first_ordinal);
    put_varint(out, u64::from(place.index));
}

fn take_place(
    fields: &mut Decoder<'_>,
    source: &RunSource,
    (contig, coordinate): (u32, i32),
) -> Result<Place, Error> {
    let reverse = fields.u8()? != 0;
    let position = i64::from(coordinate).checked_add(fields.signed()?);
    let position = position.and_then(|position| u32::try_from(position).ok());
    let ordinal = source.first_ordinal.checked_add(fields.varint()?);
    Ok(Place {
        contig,
        position: position.ok_or(fields.range())?,
        reverse,
        lane: source.lane,
        ordinal: ordinal.ok_or(fields.range())?,
        index: fields.varint_as()?,
    })
}

fn put_location(out: &mut Vec<u8>, location: &Location) {
    for field in [location.tile, location.x, location.y] {
        out.extend_from_slice(&field.to_le_bytes());
    }
}

fn take_location(fields: &mut Decoder<'_>) -> Result<Location, Error> {
    let mut field = || fields.u16().map(u16::cast_signed);
    Ok(Location {
        tile: field()?,
        x: field()?,
        y: field()?,
    })
}

fn orientation(fields: &mut Decoder<'_>) -> Result<Orientation, Error> {
    match fields.u8()? {
        2 => Ok(Orientation::ForwardForward),
        3 => Ok(Orientation::ForwardReverse),
        4 => Ok(Orientation::ReverseReverse),
        5 => Ok(Orientation::ReverseForward),
        _ => Err(fields.range()),
    }
}
