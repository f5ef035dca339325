//! Where a cluster lies on the flow cell, out of its read's name.

use regex::bytes::Regex;

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

/// How a read's name tells where its cluster lies: Picard's `READ_NAME_REGEX`.
#[derive(Debug, Clone, Default)]
pub enum NameFormat {
    /// The last three of five or seven fields between colons.
    #[default]
    Colons,
    /// Tile, x and y are the groups of an expression that matches the whole name.
    Expression(Box<Regex>),
    /// Not at all: no duplicate is optical.
    Nothing,
}

/// Why an expression does not serve.
#[derive(Debug, thiserror::Error)]
pub enum NameFormatError {
    /// It is none.
    #[error("not a regular expression: {0}")]
    Syntax(#[from] regex::Error),
    /// It has another number of groups.
    #[error("a name's expression has three groups, tile, x and y, but this one has {0}")]
    Groups(usize),
}

impl NameFormat {
    /// Reads names with an expression; `null` stands for none.
    ///
    /// # Errors
    /// [`NameFormatError`] says why it does not serve.
    pub fn parse(expression: &str) -> Result<Self, NameFormatError> {
        if expression.is_empty() || expression == "null" {
            return Ok(Self::Nothing);
        }
        let whole = Regex::new(&format!("^(?:{expression})$"))?;
        match whole.captures_len() - 1 {
            3 => Ok(Self::Expression(Box::new(whole))),
            groups => Err(NameFormatError::Groups(groups)),
        }
    }

    /// Returns where the cluster of a read lies.
    pub fn location(&self, name: &[u8]) -> Location {
        match self {
            Self::Colons => Location::of_name(name),
            Self::Nothing => Location::UNKNOWN,
            Self::Expression(expression) => {
                let found = expression.captures(name).and_then(|groups| {
                    let number = |at: usize| leading_integer(groups.get(at)?.as_bytes());
                    Some(Location {
                        tile: number(1)? as i16,
                        x: number(2)? as i16,
                        y: number(3)? as i16,
                    })
                });
                found.unwrap_or(Location::UNKNOWN)
            }
        }
    }
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
        const MOST: usize = 6;
        let mut colons = [0; MOST];
        let mut count = 0;
        for at in memchr::memchr_iter(b':', name) {
            match colons.get_mut(count) {
                Some(colon) => *colon = at,
                None => return Self::UNKNOWN,
            }
            count += 1;
        }
        let [before_tile, before_x, before_y] = match count {
            4 => [colons[1], colons[2], colons[3]],
            MOST => [colons[3], colons[4], colons[5]],
            _ => return Self::UNKNOWN,
        };
        let field = |from: usize, to: usize| leading_integer(&name[from + 1..to]);
        let fields = (
            field(before_y, name.len()),
            field(before_x, before_y),
            field(before_tile, before_x),
        );
        match fields {
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
    fn expressions_say_where_tile_and_coordinates_stand() {
        let format = NameFormat::parse("[a-z]+_([0-9]+)_x([0-9]+)y([0-9]+)").unwrap();
        let found = Location {
            tile: 7,
            x: 8,
            y: 9,
        };
        assert_eq!(format.location(b"run_7_x8y9"), found);
        assert_eq!(format.location(b"run_7_x8y9z"), Location::UNKNOWN);
        let nothing = NameFormat::parse("null").unwrap();
        assert_eq!(nothing.location(b"m:1:2:3:4"), Location::UNKNOWN);
        assert!(matches!(
            NameFormat::parse("(a)"),
            Err(NameFormatError::Groups(1))
        ));
        assert!(matches!(
            NameFormat::parse("("),
            Err(NameFormatError::Syntax(_))
        ));
    }

    #[test]
    fn closeness_counts_each_axis_alone() {
        let at = |x, y| Location { tile: 1, x, y };
        assert!(at(0, 0).is_close(&at(100, -100), 100));
        assert!(!at(0, 0).is_close(&at(101, 0), 100));
        assert!(!Location::UNKNOWN.is_close(&Location::UNKNOWN, 100));
    }
}
