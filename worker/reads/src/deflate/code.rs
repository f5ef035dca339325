//! Prefix codes: from counts to lengths, from lengths to codes. RFC 1951 §3.2.2.

/// The longest code.
pub(super) const MAX_BITS: u32 = 15;

/// Writes the length of each symbol's code, none longer than `most`; 0 for symbols without counts.
///
/// Lengths are those of Huffman, but where a code would be too long. A single symbol gets a
/// neighbour, since some readers want whole codes.
pub(super) fn lengths(counts: &[u32], most: u32, lengths: &mut [u8]) {
    lengths.fill(0);
    let mut ascending: Vec<(u32, u16)> = (0u16..)
        .zip(counts)
        .filter(|(_, count)| **count > 0)
        .map(|(symbol, &count)| (count, symbol))
        .collect();
    if ascending.len() < 2 {
        let only = ascending
            .first()
            .map_or(0, |&(_, symbol)| usize::from(symbol));
        lengths[only] = 1;
        lengths[usize::from(only == 0)] = 1;
        return;
    }
    ascending.sort_unstable();
    let mut depths = depths(&ascending);
    limit(&mut depths, most);
    for (&(_, symbol), depth) in ascending.iter().zip(depths) {
        lengths[usize::from(symbol)] = depth as u8;
    }
}

/// Returns the depth of each leaf of Huffman's tree, deepest first; counts ascend.
fn depths(ascending: &[(u32, u16)]) -> Vec<u32> {
    let leaves = ascending.len();
    // Nodes: leaves, then inner ones in the order of making; so their weights ascend as well.
    let mut weights: Vec<u64> = ascending.iter().map(|&(count, _)| count.into()).collect();
    let mut parents = vec![0usize; 2 * leaves - 1];
    let (mut leaf, mut inner) = (0, leaves);
    for node in leaves..2 * leaves - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            let takes_leaf = leaf < leaves && (inner == node || weights[leaf] <= weights[inner]);
            let next = if takes_leaf { &mut leaf } else { &mut inner };
            parents[*next] = node;
            weight += weights[*next];
            *next += 1;
        }
        weights.push(weight);
    }
    let mut depths = vec![0; 2 * leaves - 1];
    for node in (0..2 * leaves - 2).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(leaves);
    depths
}

/// Shortens what is too deep, and makes others deeper for it, the rarest first.
fn limit(depths: &mut [u32], most: u32) {
    let mut used = 0u64;
    for depth in depths.iter_mut() {
        *depth = (*depth).min(most);
        used += 1 << (most - *depth);
    }
    let mut at = 0;
    while used > 1 << most {
        match depths[at] < most {
            true => {
                depths[at] += 1;
                used -= 1 << (most - depths[at]);
            }
            false => at += 1,
        }
    }
    // What the last step was too large by, others get back: codes have to be whole.
    let fits = |depth: &u32, used: u64| 1 << (most - depth) <= (1 << most) - used;
    while let Some(at) = depths.iter().rposition(|depth| fits(depth, used)) {
        used += 1 << (most - depths[at]);
        depths[at] -= 1;
    }
}

/// Returns the code of each symbol, its bits in the order of writing.
pub(super) fn codes(lengths: &[u8]) -> Vec<u16> {
    let mut next = [0u16; MAX_BITS as usize + 2];
    for &length in lengths {
        next[usize::from(length) + 1] += u16::from(length > 0);
    }
    let mut code = 0u16;
    for first in next.iter_mut().skip(1) {
        code = code.wrapping_add(*first) << 1;
        *first = code;
    }
    let code = |&length: &u8| {
        if length == 0 {
            return 0;
        }
        let slot = &mut next[usize::from(length)];
        let code = *slot;
        *slot += 1;
        code.reverse_bits() >> (u16::BITS - u32::from(length))
    };
    lengths.iter().map(code).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn codes_are_those_of_the_specification() {
        // RFC 1951 §3.2.2: lengths of A to H and their codes.
        let expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"];
        let found = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        for (code, expected) in found.into_iter().zip(expected) {
            let bits = expected.chars().rev().collect::<String>();
            assert_eq!(code, u16::from_str_radix(&bits, 2).unwrap());
        }
    }

    proptest! {
        #[test]
        fn codes_are_whole_and_short(
            counts in prop::collection::vec(0u32..1 << 20, 2..286),
            steep: bool,
            most in 9u32..=15,
        ) {
            let doubling = |at: usize| if at < 30 { 1 << at } else { 0 };
            let counts: Vec<u32> = match steep {
                true => (0..counts.len()).map(doubling).collect(),
                false => counts,
            };
            let mut found = vec![0; counts.len()];
            lengths(&counts, most, &mut found);
            let used: f64 = found.iter().filter(|&&length| length > 0)
                .map(|&length| 0.5f64.powi(length.into())).sum();
            prop_assert!(found.iter().all(|&length| u32::from(length) <= most));
            prop_assert_eq!(used, 1.0);
            for (count, length) in counts.iter().zip(&found) {
                prop_assert!(*count == 0 || *length > 0);
            }
        }
    }
}
