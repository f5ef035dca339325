//! Where a cluster lies on the flow cell, out of its read's name.

/// What Picard writes where there is no location.
const NONE: i16 = -1;

/// Tile, x and y of a cluster, cut to 16 bits as Picard stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Tile.
    pub tile: i16,
    /// x in pixels, wrapped at 16 bits.
    pub x: i16,
    /// y in pixels, wrapped at 16 bits.
    pub y: i16,
}

impl Location {
    /// No location.
    pub const UNKNOWN: Self = Self {
        tile: NONE,
        x: NONE,
        y: NONE,
    };

    /// Reads the last three of exactly five or seven fields between colons.
    pub fn of_name(name: &[u8]) -> Self {
        let colons = name.iter().filter(|&&byte| byte == b':').count();
        if colons != 4 && colons != 6 {
            return Self::UNKNOWN;
        }
        let mut fields = name.rsplit(|&byte| byte == b':').map(leading_integer);
        let mut next = || fields.next().flatten();
        match (next(), next(), next()) {
            (Some(y), Some(x), Some(tile)) => Self {
                tile: tile as i16,
                x: x as i16,
                y: y as i16,
            },
            _ => Self::UNKNOWN,
        }
    }

    /// Says whether the location is known.
    pub const fn is_known(&self) -> bool {
        self.tile != NONE
    }

    /// Says whether both lie on one tile, at most `distance` pixels apart in x and in y.
    pub fn is_close(&self, other: &Self, distance: u32) -> bool {
        let apart = |a: i16, b: i16| i32::from(a).abs_diff(i32::from(b));
        self.is_known()
            && other.is_known()
            && self.tile == other.tile
            && apart(self.x, other.x) <= distance
            && apart(self.y, other.y) <= distance
    }
}

/// Reads a number up to the first byte that is no digit; `None` without any digit.
fn leading_integer(field: &[u8]) -> Option<i32> {
    let (negative, digits) = match field.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, field),
    };
    let count = digits
        .iter()
        .take_while(|byte| byte.is_ascii_digit())
        .count();
    let push = |value: i32, digit: &u8| {
        let digit = i32::from(digit - b'0');
        value.wrapping_mul(10).wrapping_add(digit)
    };
    let value = digits[..count].iter().fold(0, push);
    (count > 0).then_some(if negative {
        value.wrapping_neg()
    } else {
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_five_or_seven_fields_have_a_location() {
        let location = |tile, x, y| Location { tile, x, y };
        let cases: [(&[u8], Location); 8] = [
            (b"m:1:1101:32784:7", location(1101, -32752, 7)),
            (b"i:1:f:2:1101:5:6#ACGT", location(1101, 5, 6)),
            (b"m:1:-3:4:5", location(-3, 4, 5)),
            (b"m:1:2:3", Location::UNKNOWN),
            (b"a:b:c:1:2:3", Location::UNKNOWN),
            (b"m:1:tile:3:4", Location::UNKNOWN),
            (b"m:1:2:3:", Location::UNKNOWN),
            (b"plain", Location::UNKNOWN),
        ];
        for (name, expected) in cases {
            assert_eq!(Location::of_name(name), expected);
        }
    }

    #[test]
    fn closeness_counts_each_axis_alone() {
        let at = |x, y| Location { tile: 1, x, y };
        assert!(at(0, 0).is_close(&at(100, -100), 100));
        assert!(!at(0, 0).is_close(&at(101, 0), 100));
        assert!(!Location::UNKNOWN.is_close(&Location::UNKNOWN, 100));
    }
}
