//! Numbers as GATK prints them: the shortest decimal of the double, rounded half up.

/// A positive number as decimal digits: 0.d₁d₂d₃… · 10^exponent.
struct Decimal {
    digits: Vec<u8>,
    exponent: i32,
}

impl Decimal {
    fn of(magnitude: f64) -> Self {
        let text = format!("{magnitude:e}");
        let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an e");
        let digits = mantissa
            .bytes()
            .filter(u8::is_ascii_digit)
            .map(|c| c - b'0');
        Self {
            digits: digits.collect(),
            exponent: exponent.parse::<i32>().expect("an exponent is a number") + 1,
        }
    }

    /// Keeps so many leading digits, rounding half up; none or fewer gives 0 or a single 1.
    fn rounded(mut self, kept: i32) -> Self {
        let length = usize::try_from(kept).unwrap_or(0);
        let up = kept >= 0 && self.digits.get(length).is_some_and(|&digit| digit >= 5);
        self.digits.resize(length, 0);
        if up && !increment(&mut self.digits) {
            self.digits.insert(0, 1);
            self.exponent += 1;
        }
        self
    }

    /// Returns the digit worth 10^power.
    fn digit(&self, power: i32) -> char {
        let index = usize::try_from(self.exponent - 1 - power).ok();
        let digit = index.and_then(|index| self.digits.get(index)).copied();
        char::from(b'0' + digit.unwrap_or(0))
    }
}

/// Adds one to the last digit; false when the carry leaves the first one.
fn increment(digits: &mut [u8]) -> bool {
    for digit in digits.iter_mut().rev() {
        if *digit < 9 {
            *digit += 1;
            return true;
        }
        *digit = 0;
    }
    false
}

/// Returns a finite number with so many decimals, as Java's `%.nf`.
pub fn fixed(value: f64, decimals: u8) -> String {
    let decimals = i32::from(decimals);
    let decimal = Decimal::of(value.abs());
    let kept = decimal.exponent + decimals;
    let decimal = decimal.rounded(kept);
    let mut text = String::new();
    if value < 0.0 || value.is_sign_negative() {
        text.push('-');
    }
    let highest = (decimal.exponent - 1).max(0);
    text.extend((0..=highest).rev().map(|power| decimal.digit(power)));
    if decimals > 0 {
        text.push('.');
        text.extend((1..=decimals).map(|place| decimal.digit(-place)));
    }
    text
}

/// Returns a finite number as GATK prints a floating-point field.
pub fn plain(value: f64) -> String {
    if value >= 1.0 {
        return fixed(value, 2);
    }
    if value.abs() < 1e-20 {
        return "0.00".into();
    }
    if value >= 0.01 {
        return fixed(value, 3);
    }
    scientific(value)
}

/// Java's `%.3e`.
fn scientific(value: f64) -> String {
    let decimal = Decimal::of(value.abs()).rounded(4);
    let sign = if value < 0.0 { "-" } else { "" };
    let digits: Vec<char> = (1..=4)
        .map(|place| decimal.digit(decimal.exponent - place))
        .collect();
    let exponent = decimal.exponent - 1;
    let exponent_sign = if exponent < 0 { '-' } else { '+' };
    format!(
        "{sign}{}.{}{}{}e{exponent_sign}{:02}",
        digits[0],
        digits[1],
        digits[2],
        digits[3],
        exponent.abs()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_the_shortest_decimal_go_up() {
        let table = [
            (2.382_812_5, 6, "2.382813"),
            (0.125, 2, "0.13"),
            (1.005, 2, "1.01"),
            (999.999, 2, "1000.00"),
            (0.004, 2, "0.00"),
            (0.005, 2, "0.01"),
            (0.0, 3, "0.000"),
            (-0.000_4, 3, "-0.000"),
            (-2.2934, 3, "-2.293"),
            (1e21, 2, "1000000000000000000000.00"),
            (123_456.789, 0, "123457"),
        ];
        for (value, decimals, text) in table {
            assert_eq!(fixed(value, decimals), text);
        }
    }

    #[test]
    fn size_decides_the_form() {
        let table = [
            (1.0, "1.00"),
            (0.5, "0.500"),
            (0.0099, "9.900e-03"),
            (0.0, "0.00"),
            (1e-21, "0.00"),
            (9.9996e-5, "1.000e-04"),
            (0.333_333_333, "0.333"),
        ];
        for (value, text) in table {
            assert_eq!(plain(value), text);
        }
    }
}
