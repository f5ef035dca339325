//! Keys of a whole file as whole numbers: they sort as keys do, take little room, and go to scratch
//! storage as they are. Places are the ordinals of records in their file.

use genome::order::Place;

use super::key::{EndKey, EndSite, LoneEnd, Orientation, PairKey, PairSite};
use super::location::Location;

/// A pair key: 368 of 384 bits.
pub type PackedPair = [u64; 6];

/// An end key: 240 of 256 bits.
pub type PackedEnd = [u64; 4];

/// The key of an end that is not set against others: its site, 120 of 128 bits.
pub type PackedSite = [u64; 2];

/// Returns the site of an end that says no more; `None` for a lone end.
pub const fn site_alone(end: &PackedEnd) -> Option<PackedSite> {
    let [first, second, ..] = *end;
    match second & 0xFF {
        0 => Some([first, second]),
        _ => None,
    }
}

/// Returns the key of an end that is not set against others.
pub const fn end_at(site: PackedSite) -> PackedEnd {
    let [first, second] = site;
    [first, second, 0, 0]
}

/// Bits of an ordinal.
const ORDINAL_BITS: u32 = 48;

/// A key as whole numbers.
pub trait Packed: Copy {
    /// The numbers, which compare as keys do.
    type Words: Copy + Ord + Send;

    /// Packs the key.
    fn pack(&self) -> Self::Words;

    /// Returns the key that was packed.
    fn unpack(words: &Self::Words) -> Self;
}

impl Packed for PairKey {
    type Words = PackedPair;

    fn pack(&self) -> PackedPair {
        let mut bits = Bits::default();
        let site = &self.site;
        bits.put(site.library.into(), 16);
        bits.put(site.contig.into(), 32);
        bits.put(ordered(site.coordinate), 32);
        bits.put(site.orientation as u64, 8);
        bits.put(site.second_contig.into(), 32);
        bits.put(ordered(site.second_coordinate), 32);
        bits.put(site.barcode.into(), 32);
        bits.put_location(&self.location);
        for place in &self.places {
            bits.put(place.ordinal, ORDINAL_BITS);
        }
        bits.put(ordered_short(self.score), 16);
        bits.put(self.read_group.into(), 16);
        bits.put(self.read_orientation as u64, 8);
        bits.words()
    }

    fn unpack(words: &PackedPair) -> Self {
        let mut bits = Taken::new(words);
        let orientation = |code: u64| {
            Orientation::of_code(code as u8).expect("a packed key has one of four codes")
        };
        Self {
            site: PairSite {
                library: bits.take(16) as u16,
                contig: bits.take(32) as u32,
                coordinate: unordered(bits.take(32)),
                orientation: orientation(bits.take(8)),
                second_contig: bits.take(32) as u32,
                second_coordinate: unordered(bits.take(32)),
                barcode: bits.take(32) as u32,
            },
            location: bits.take_location(),
            places: [
                numbered(bits.take(ORDINAL_BITS)),
                numbered(bits.take(ORDINAL_BITS)),
            ],
            score: unordered_short(bits.take(16)),
            read_group: bits.take(16) as u16,
            read_orientation: orientation(bits.take(8)),
        }
    }
}

impl Packed for EndKey {
    type Words = PackedEnd;

    fn pack(&self) -> PackedEnd {
        let mut bits = Bits::default();
        let site = &self.site;
        bits.put(site.library.into(), 16);
        bits.put(site.contig.into(), 32);
        bits.put(ordered(site.coordinate), 32);
        bits.put(site.reverse.into(), 8);
        bits.put(site.barcode.into(), 32);
        bits.put(self.lone.is_some().into(), 8);
        if let Some(lone) = &self.lone {
            bits.put_location(&lone.location);
            bits.put(lone.place.ordinal, ORDINAL_BITS);
            bits.put(ordered_short(lone.score), 16);
        }
        bits.words()
    }

    fn unpack(words: &PackedEnd) -> Self {
        let mut bits = Taken::new(words);
        let site = EndSite {
            library: bits.take(16) as u16,
            contig: bits.take(32) as u32,
            coordinate: unordered(bits.take(32)),
            reverse: bits.take(8) != 0,
            barcode: bits.take(32) as u32,
        };
        let lone = (bits.take(8) != 0).then(|| LoneEnd {
            location: bits.take_location(),
            place: numbered(bits.take(ORDINAL_BITS)),
            score: unordered_short(bits.take(16)),
        });
        Self { site, lone }
    }
}

/// Returns a place that says the ordinal of a record in its file alone.
pub const fn numbered(ordinal: u64) -> Place {
    Place {
        contig: 0,
        position: 0,
        reverse: false,
        lane: 0,
        ordinal,
        index: 0,
    }
}

/// Maps integers to others without sign, in the same order.
const fn ordered(value: i32) -> u64 {
    (value.cast_unsigned() ^ 1 << 31) as u64
}

const fn unordered(bits: u64) -> i32 {
    (bits as u32 ^ 1 << 31).cast_signed()
}

const fn ordered_short(value: i16) -> u64 {
    (value.cast_unsigned() ^ 1 << 15) as u64
}

const fn unordered_short(bits: u64) -> i16 {
    (bits as u16 ^ 1 << 15).cast_signed()
}

/// Fields behind each other, the first in the highest bits.
#[derive(Default)]
struct Bits {
    words: [u64; 6],
    used: u32,
}

impl Bits {
    fn put(&mut self, value: u64, width: u32) {
        let (word, offset) = ((self.used / 64) as usize, self.used % 64);
        let room = 64 - offset;
        if width <= room {
            self.words[word] |= value << (room - width);
        } else {
            self.words[word] |= value >> (width - room);
            self.words[word + 1] |= value << (64 - (width - room));
        }
        self.used += width;
    }

    fn put_location(&mut self, location: &Location) {
        for field in [location.tile, location.x, location.y] {
            self.put(ordered_short(field), 16);
        }
    }

    fn words<const N: usize>(&self) -> [u64; N] {
        std::array::from_fn(|word| self.words[word])
    }
}

/// Takes what [`Bits`] put.
struct Taken<'a> {
    words: &'a [u64],
    used: u32,
}

impl<'a> Taken<'a> {
    const fn new(words: &'a [u64]) -> Self {
        Self { words, used: 0 }
    }

    fn take(&mut self, width: u32) -> u64 {
        let (word, offset) = ((self.used / 64) as usize, self.used % 64);
        let room = 64 - offset;
        self.used += width;
        let mask = u64::MAX >> (64 - width);
        if width <= room {
            return self.words[word] >> (room - width) & mask;
        }
        let low = width - room;
        (self.words[word] << low | self.words[word + 1] >> (64 - low)) & mask
    }

    fn take_location(&mut self) -> Location {
        let mut field = || unordered_short(self.take(16));
        Location {
            tile: field(),
            x: field(),
            y: field(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Fields = (u16, u32, i32, bool, (i16, i16, i16), u64, i16, u32);

    fn fields() -> impl Strategy<Value = Fields> {
        let location = (-2i16..2, any::<i16>(), -2i16..2);
        let site = (0u16..2, 0u32..2, -2i32..2, any::<bool>());
        (site, location, 0u64..1 << 48, any::<i16>(), 0u32..2).prop_map(
            |((library, contig, coordinate, flag), location, ordinal, score, barcode)| {
                (
                    library, contig, coordinate, flag, location, ordinal, score, barcode,
                )
            },
        )
    }

    fn pair(fields: &Fields) -> PairKey {
        let &(library, contig, coordinate, flag, (tile, x, y), ordinal, score, barcode) = fields;
        PairKey {
            site: PairSite {
                library,
                contig,
                coordinate,
                orientation: Orientation::of(flag, !flag),
                second_contig: contig / 2,
                second_coordinate: -coordinate,
                barcode,
            },
            location: Location { tile, x, y },
            places: [numbered(ordinal), numbered(ordinal / 3)],
            score,
            read_group: library,
            read_orientation: Orientation::of(flag, flag),
        }
    }

    fn end(fields: &Fields) -> EndKey {
        let &(library, contig, coordinate, reverse, (tile, x, y), ordinal, score, barcode) = fields;
        let lone = LoneEnd {
            location: Location { tile, x, y },
            place: numbered(ordinal),
            score,
        };
        EndKey {
            site: EndSite {
                library,
                contig,
                coordinate,
                reverse,
                barcode,
            },
            lone: (score % 2 == 0).then_some(lone),
        }
    }

    proptest! {
        #[test]
        fn packed_keys_are_the_keys(a in fields(), b in fields()) {
            let (x, y) = (pair(&a), pair(&b));
            prop_assert_eq!(PairKey::unpack(&x.pack()), x);
            prop_assert_eq!(x.pack().cmp(&y.pack()), x.cmp(&y));
            let (x, y) = (end(&a), end(&b));
            prop_assert_eq!(EndKey::unpack(&x.pack()), x);
            let site = site_alone(&x.pack());
            prop_assert_eq!(site.is_none(), x.lone.is_some());
            prop_assert!(site.is_none_or(|site| end_at(site) == x.pack()));
            prop_assert_eq!(x.pack().cmp(&y.pack()), x.cmp(&y));
        }
    }
}
