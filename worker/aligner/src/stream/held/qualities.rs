//! Qualities in as few bits each as the number of their values asks for.

/// Values that are packed together: as many bytes as each has bits.
const GROUP: usize = 8;

/// Qualities of many reads, one behind the other.
#[derive(Debug, Default)]
pub(super) struct Packed {
    /// The values that occur, in ascending order.
    values: Vec<u8>,
    /// Numbers of values, a group at a time.
    groups: Vec<u8>,
    count: usize,
}

impl Packed {
    /// Packs qualities; the last group is filled up.
    pub fn new(mut qualities: Vec<u8>) -> Self {
        let count = qualities.len();
        let filled = count.next_multiple_of(GROUP);
        qualities.resize(filled, qualities.last().copied().unwrap_or(0));
        let mut occurs = [false; 256];
        for &quality in &qualities {
            occurs[usize::from(quality)] = true;
        }
        let values: Vec<u8> = (0..=u8::MAX)
            .filter(|&value| occurs[usize::from(value)])
            .collect();
        let mut numbers = [0; 256];
        for (number, &value) in (0..).zip(&values) {
            numbers[usize::from(value)] = number;
        }
        let groups = match bits_of(&values) {
            0 => Vec::new(),
            1 => pack::<1>(&qualities, &numbers),
            2 => pack::<2>(&qualities, &numbers),
            3 => pack::<3>(&qualities, &numbers),
            4 => pack::<4>(&qualities, &numbers),
            5 => pack::<5>(&qualities, &numbers),
            6 => pack::<6>(&qualities, &numbers),
            7 => pack::<7>(&qualities, &numbers),
            _ => qualities,
        };
        Self {
            values,
            groups,
            count,
        }
    }

    /// Returns the qualities.
    pub fn unpack(self) -> Vec<u8> {
        let mut values = [0; 256];
        values[..self.values.len()].copy_from_slice(&self.values);
        let groups = &self.groups;
        let mut qualities = match bits_of(&self.values) {
            0 => vec![values[0]; self.count],
            1 => unpack::<1>(groups, &values),
            2 => unpack::<2>(groups, &values),
            3 => unpack::<3>(groups, &values),
            4 => unpack::<4>(groups, &values),
            5 => unpack::<5>(groups, &values),
            6 => unpack::<6>(groups, &values),
            7 => unpack::<7>(groups, &values),
            _ => self.groups,
        };
        qualities.truncate(self.count);
        qualities
    }
}

/// Returns the number of bits that tell so many values apart.
fn bits_of(values: &[u8]) -> u32 {
    usize::BITS - values.len().saturating_sub(1).leading_zeros()
}

fn pack<const BITS: usize>(qualities: &[u8], numbers: &[u8; 256]) -> Vec<u8> {
    let (groups, _) = qualities.as_chunks::<GROUP>();
    let mut packed = Vec::with_capacity(groups.len() * BITS);
    for group in groups {
        let mut word = 0;
        for (at, &quality) in group.iter().enumerate() {
            word |= u64::from(numbers[usize::from(quality)]) << (at * BITS);
        }
        packed.extend_from_slice(&word.to_le_bytes()[..BITS]);
    }
    packed
}

fn unpack<const BITS: usize>(packed: &[u8], values: &[u8; 256]) -> Vec<u8> {
    let (groups, _) = packed.as_chunks::<BITS>();
    let mut qualities = Vec::with_capacity(groups.len() * GROUP);
    for group in groups {
        let mut bytes = [0; size_of::<u64>()];
        bytes[..BITS].copy_from_slice(group);
        let word = u64::from_le_bytes(bytes);
        let number = |at: usize| (word >> (at * BITS)) as usize & ((1 << BITS) - 1);
        let group: [u8; GROUP] = std::array::from_fn(|at| values[number(at)]);
        qualities.extend_from_slice(&group);
    }
    qualities
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualities_come_back_however_many_values_there_are() {
        for values in [1, 2, 3, 4, 5, 8, 9, 16, 17, 40, 64, 65, 128, 129, 256] {
            for count in [0, 1, 7, 8, 9, 1000] {
                let quality = |at: usize| (at * at % values * (256 / values)) as u8;
                let qualities: Vec<u8> = (0..count).map(quality).collect();
                let packed = Packed::new(qualities.clone());
                assert!(packed.groups.len() <= count.next_multiple_of(8));
                assert_eq!(packed.unpack(), qualities, "{count} of {values} values");
            }
        }
    }

    #[test]
    fn few_values_take_few_bits() {
        let packed = |values: u8| Packed::new((0..800).map(|at| at as u8 % values).collect());
        let bytes = [1, 2, 4, 40].map(|values| packed(values).groups.len());
        assert_eq!(bytes, [0, 100, 200, 600]);
    }
}
