//! Noise on a saturated quality by depth, drawn by place.

use genome::maths;
use genome::region::ContigId;

/// From here on, quality by depth says no more than "very good".
const SATURATED: f64 = 35.0;
const MEAN: f64 = 30.0;
const DEVIATION: f64 = 3.0;

/// Returns a quality by depth; a saturated one becomes a normal deviate that the place decides.
pub fn jittered(quality_by_depth: f64, contig: ContigId, position: u64) -> f64 {
    if quality_by_depth < SATURATED {
        return quality_by_depth;
    }
    let mut state = (u64::from(contig.0) << 40) ^ position;
    MEAN + DEVIATION * deviate(&mut state)
}

/// Returns a quality by depth; a saturated one becomes a normal deviate that is drawn.
pub fn jittered_by(quality_by_depth: f64, draw: impl FnOnce() -> f64) -> f64 {
    if quality_by_depth < SATURATED {
        return quality_by_depth;
    }
    MEAN + DEVIATION * draw()
}

/// Draws from the standard normal distribution by Marsaglia's polar method.
fn deviate(state: &mut u64) -> f64 {
    loop {
        let (x, y) = (uniform(state), uniform(state));
        let square = x * x + y * y;
        if square < 1.0 && square > 0.0 {
            return x * maths::sqrt(-2.0 * maths::ln(square) / square);
        }
    }
}

/// Draws from −1..1 by SplitMix64.
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut bits = *state;
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^= bits >> 31;
    (bits >> 11) as f64 / (1u64 << 52) as f64 - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saturated_values_spread_around_thirty() {
        let values: Vec<f64> = (0..2000)
            .map(|at| jittered(40.0, ContigId(0), at))
            .collect();
        let mean = values.iter().sum::<f64>() / 2000.0;
        assert!((29.7..30.3).contains(&mean), "{mean}");
        assert!(values.iter().all(|&value| (15.0..45.0).contains(&value)));
        assert_eq!(jittered(34.9, ContigId(0), 5), 34.9);
        assert_eq!(
            jittered(40.0, ContigId(1), 5),
            jittered(50.0, ContigId(1), 5)
        );
    }
}
