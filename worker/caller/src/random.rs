//! The linear congruential generator that the Java library specifies, for comparison with GATK.

use genome::maths;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const MASK: u64 = (1 << 48) - 1;

/// The seed from which GATK draws.
pub const GATK_SEED: u64 = 47_382_911;

/// A generator of 48 bits of state. Source: `java.util.Random`, Java SE 17 API.
#[derive(Debug, Clone)]
pub struct JavaRandom {
    state: u64,
    second_gaussian: Option<f64>,
}

impl JavaRandom {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self {
            state: (seed ^ MULTIPLIER) & MASK,
            second_gaussian: None,
        }
    }

    const fn bits(&mut self, count: u32) -> i32 {
        self.state = self.state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT) & MASK;
        (self.state >> (48 - count)) as i32
    }

    /// Draws an integer from `0..limit`; `limit` is at least 1 and below 2^31.
    pub const fn below(&mut self, limit: u32) -> u32 {
        let limit = limit as i32;
        let mut bits = self.bits(31);
        if limit & (limit - 1) == 0 {
            return ((limit as i64 * bits as i64) >> 31) as u32;
        }
        loop {
            let value = bits % limit;
            if bits.wrapping_sub(value).wrapping_add(limit - 1) >= 0 {
                return value as u32;
            }
            bits = self.bits(31);
        }
    }

    fn unit(&mut self) -> f64 {
        let high = i64::from(self.bits(26)) << 27;
        (high + i64::from(self.bits(27))) as f64 / (1u64 << 53) as f64
    }

    /// Draws from the standard normal distribution by the polar method.
    pub fn gaussian(&mut self) -> f64 {
        if let Some(value) = self.second_gaussian.take() {
            return value;
        }
        loop {
            let x = 2.0 * self.unit() - 1.0;
            let y = 2.0 * self.unit() - 1.0;
            let square = x * x + y * y;
            if square < 1.0 && square != 0.0 {
                let scale = maths::sqrt(-2.0 * maths::ln(square) / square);
                self.second_gaussian = Some(y * scale);
                return x * scale;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Values of OpenJDK 17 with the seed 42.
    #[test]
    fn draws_are_those_of_java() {
        let mut random = JavaRandom::new(42);
        assert_eq!(
            [random.below(10), random.below(10), random.below(64)],
            [0, 3, 43]
        );
        let mut random = JavaRandom::new(42);
        assert!((random.gaussian() - 1.141_905_315_473_054_7).abs() < 1e-12);
        assert!((random.gaussian() - 0.919_407_948_982_788_4).abs() < 1e-12);
    }
}
