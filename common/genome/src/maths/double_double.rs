//! Arithmetic on sums of two doubles: about 106 bits, error below 2^-102 a step.
//!
//! Source: Dekker 1971 (exact product, quotient) and Knuth (exact sum). Nothing here needs a fused
//! multiply-add. Magnitudes stay far from overflow and underflow.

/// A value `high + low` with |low| at most half an ulp of `high`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleDouble {
    /// The value rounded to a double.
    pub high: f64,
    /// What rounding left over.
    pub low: f64,
}

impl DoubleDouble {
    /// Widens a double.
    pub const fn from_double(value: f64) -> Self {
        Self {
            high: value,
            low: 0.0,
        }
    }

    /// Returns the exact sum of two doubles.
    pub const fn exact_sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let b_part = high - a;
        let low = (a - (high - b_part)) + (b - b_part);
        Self { high, low }
    }

    /// Returns the exact product of two doubles.
    pub const fn exact_product(a: f64, b: f64) -> Self {
        let high = a * b;
        let ((a_high, a_low), (b_high, b_low)) = (split(a), split(b));
        let low = ((a_high * b_high - high) + a_high * b_low + a_low * b_high) + a_low * b_low;
        Self { high, low }
    }

    /// Returns the sum.
    pub const fn plus(self, other: Self) -> Self {
        let high = Self::exact_sum(self.high, other.high);
        let low = Self::exact_sum(self.low, other.low);
        let first = Self::normal(high.high, high.low + low.high);
        Self::normal(first.high, first.low + low.low)
    }

    /// Returns the product.
    pub const fn times(self, other: Self) -> Self {
        let product = Self::exact_product(self.high, other.high);
        let cross = self.high * other.low + self.low * other.high;
        Self::normal(product.high, product.low + cross)
    }

    /// Returns the quotient.
    pub const fn divided_by(self, other: Self) -> Self {
        let first = self.high / other.high;
        let rest = self.minus_product(other, first);
        let second = rest.high / other.high;
        let third = rest.minus_product(other, second).high / other.high;
        Self::normal(first, second).plus(Self::from_double(third))
    }

    const fn minus_product(self, other: Self, factor: f64) -> Self {
        self.plus(other.times(Self::from_double(-factor)))
    }

    /// Joins two doubles of which the first is the larger.
    const fn normal(high: f64, low: f64) -> Self {
        let sum = high + low;
        Self {
            high: sum,
            low: low - (sum - high),
        }
    }
}

/// Splits a double into two of at most 26 bits each.
const fn split(value: f64) -> (f64, f64) {
    const FACTOR: f64 = 134_217_729.0; // 2^27 + 1
    let scaled = FACTOR * value;
    let high = scaled - (scaled - value);
    (high, value - high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn exact_product_holds_every_bit(a in 1u64 << 52..1 << 53, b in 1u64 << 52..1 << 53) {
            let product = DoubleDouble::exact_product(a as f64, b as f64);
            let sum = product.high as i128 + product.low as i128;
            prop_assert_eq!(sum, i128::from(a) * i128::from(b));
        }

        #[test]
        fn quotient_undoes_product(a in 0.5f64..2.0, b in 0.5f64..2.0, tail in -1.0f64..1.0) {
            let wide = DoubleDouble::exact_sum(a, tail * 1e-17);
            let divisor = DoubleDouble::from_double(b);
            let back = wide.times(divisor).divided_by(divisor);
            prop_assert!(((back.high - wide.high) + (back.low - wide.low)).abs() < 4e-31);
        }
    }
}
