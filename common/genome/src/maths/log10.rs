//! The decimal logarithm, correctly rounded.
//!
//! x = 2^k·m with m in [√½, √2); m·c is close to 1 for a short c from a table; then
//! log10 x = k·log10 2 − log10 c + log10(m·c), the last by the series of the inverse hyperbolic
//! tangent. All in double-double: the error is below 2^-98 of the result, so that the rounded
//! result is wrong for about one argument in 2^45 at most, and none such is known.

use super::double_double::DoubleDouble;

const LOG10_E: DoubleDouble = DoubleDouble {
    high: f64::from_bits(0x3FDB_CB7B_1526_E50E),
    low: f64::from_bits(0x3C69_5355_BAAA_FAD3),
};
const LOG10_2: DoubleDouble = DoubleDouble {
    high: f64::from_bits(0x3FD3_4413_509F_79FF),
    low: f64::from_bits(0xBC49_DC1D_A994_FD21),
};

/// m is looked up by its nearest 1/128th.
const STEPS: f64 = 128.0;
const FIRST_STEP: usize = 90;
const TABLE_LENGTH: usize = 92;

/// For each 1/128th of m: c, of nine bits, and log10 c.
static FACTORS: [(f64, DoubleDouble); TABLE_LENGTH] = factors();

/// Returns the decimal logarithm, rounded correctly: −∞ for ±0, NaN below.
pub fn log10(x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return if x == 0.0 {
            f64::NEG_INFINITY
        } else {
            f64::NAN
        };
    }
    if x == f64::INFINITY {
        return x;
    }
    let (mantissa, exponent) = decompose(x);
    let step = (mantissa * STEPS + 0.5) as usize - FIRST_STEP;
    let (factor, factor_log10) = FACTORS[step];
    let scaled = DoubleDouble::exact_product(mantissa, factor);
    let offset = DoubleDouble::exact_sum(scaled.high - 1.0, scaled.low);
    let fraction = log10_of_one_plus(offset, 8);
    let whole = LOG10_2.times(DoubleDouble::from_double(exponent));
    let negated = DoubleDouble {
        high: -factor_log10.high,
        low: -factor_log10.low,
    };
    whole.plus(negated).plus(fraction).high
}

/// Splits x > 0 into m in [√½, √2) and k with x = m·2^k.
fn decompose(x: f64) -> (f64, f64) {
    const TWO_54: f64 = 18_014_398_509_481_984.0;
    let (normal, shift) = if x < f64::MIN_POSITIVE {
        (x * TWO_54, 54)
    } else {
        (x, 0)
    };
    let bits = normal.to_bits();
    let mantissa = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000);
    let exponent = (bits >> 52) as i32 - 1023 - shift;
    if mantissa >= std::f64::consts::SQRT_2 {
        (mantissa * 0.5, f64::from(exponent + 1))
    } else {
        (mantissa, f64::from(exponent))
    }
}

/// Returns log10(1 + r) = 2·log10 e·(s + s³/3 + s⁵/5 …), s = r/(2 + r), by so many terms.
const fn log10_of_one_plus(r: DoubleDouble, terms: usize) -> DoubleDouble {
    let s = r.divided_by(DoubleDouble::from_double(2.0).plus(r));
    let square = s.times(s);
    let mut sum = DoubleDouble::from_double(0.0);
    let mut term = terms;
    while term > 0 {
        term -= 1;
        sum = sum.times(square).plus(ODD_INVERSES[term]);
    }
    let logarithm = s.times(sum).times(LOG10_E);
    DoubleDouble {
        high: 2.0 * logarithm.high,
        low: 2.0 * logarithm.low,
    }
}

/// 1, 1/3, 1/5 …
const ODD_INVERSES: [DoubleDouble; 24] = odd_inverses();

const fn odd_inverses() -> [DoubleDouble; 24] {
    let mut inverses = [DoubleDouble::from_double(1.0); 24];
    let mut i = 1;
    while i < inverses.len() {
        let odd = DoubleDouble::from_double((2 * i + 1) as f64);
        inverses[i] = inverses[0].divided_by(odd);
        i += 1;
    }
    inverses
}

const fn factors() -> [(f64, DoubleDouble); TABLE_LENGTH] {
    let mut table = [(1.0, DoubleDouble::from_double(0.0)); TABLE_LENGTH];
    let mut i = 0;
    while i < TABLE_LENGTH {
        let step = (i + FIRST_STEP) as f64;
        let factor = (256.0 * STEPS / step + 0.5) as u64 as f64 / 256.0;
        let offset = DoubleDouble::from_double(factor - 1.0);
        table[i] = (factor, log10_of_one_plus(offset, 24));
        i += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_arguments_are_rounded_correctly() {
        let table = include_str!("../../tests/data/log10.txt");
        let mut rows = 0;
        for row in table.lines() {
            let (x, y) = row.split_once(' ').unwrap();
            let bits = |text| u64::from_str_radix(text, 16).unwrap();
            let x = f64::from_bits(bits(x));
            assert_eq!(log10(x).to_bits(), bits(y), "log10({x:e})");
            rows += 1;
        }
        assert_eq!(rows, 1500);
    }

    #[test]
    fn powers_of_ten_are_exact() {
        let mut power = 1.0;
        for exponent in 0..=22 {
            assert_eq!(log10(power), f64::from(exponent));
            power *= 10.0;
        }
    }

    #[test]
    fn special_arguments_follow_ieee() {
        assert_eq!(log10(0.0), f64::NEG_INFINITY);
        assert_eq!(log10(f64::INFINITY), f64::INFINITY);
        assert!(log10(-1.0).is_nan() && log10(f64::NAN).is_nan());
        assert_eq!(log10(1.0).to_bits(), 0);
    }
}
