//! What the kernel asks of a vector of floating-point numbers.

use super::probabilities::{DOUBLE, Probabilities, SINGLE};
use genome::maths;

/// A floating-point number that likelihoods are computed in.
pub(super) trait Number: Copy + PartialOrd + std::fmt::Debug + 'static {
    /// 0.
    const ZERO: Self;
    /// Probabilities are multiples of this, so that long products stay in range.
    const SCALE: Self;
    /// Smaller numbers count as 0: no operation ends below the normal range.
    const SMALLEST: Self;
    /// Sums from here on are not touched by what [`Number::SMALLEST`] takes away.
    const RELIABLE: Self;
    /// The smallest normal number.
    const NORMAL: Self;

    /// Returns the tables of probabilities.
    fn probabilities() -> &'static Probabilities<Self>;
    /// Returns 1 − x.
    fn complement(self) -> Self;
    /// Divides by a count.
    fn divide(self, count: usize) -> Self;
    /// Returns log10 of a sum over [`Number::SCALE`].
    fn unscaled_log10(self) -> f64;
}

impl Number for f32 {
    const ZERO: Self = 0.0;
    const SCALE: Self = f32::from_bits((127 + 120) << 23); // 2^120
    const SMALLEST: Self = f32::from_bits((127 - 80) << 23); // 2^-80
    const RELIABLE: Self = 1.0;
    const NORMAL: Self = f32::MIN_POSITIVE;

    fn probabilities() -> &'static Probabilities<Self> {
        &SINGLE
    }

    fn complement(self) -> Self {
        1.0 - self
    }

    fn divide(self, count: usize) -> Self {
        self / count as Self
    }

    fn unscaled_log10(self) -> f64 {
        f64::from(maths::log10_single(self) - maths::log10_single(Self::SCALE))
    }
}

impl Number for f64 {
    const ZERO: Self = 0.0;
    const SCALE: Self = f64::from_bits((1023 + 1020) << 52); // 2^1020
    const SMALLEST: Self = f64::MIN_POSITIVE;
    const RELIABLE: Self = 0.0;
    const NORMAL: Self = f64::MIN_POSITIVE;

    fn probabilities() -> &'static Probabilities<Self> {
        &DOUBLE
    }

    fn complement(self) -> Self {
        1.0 - self
    }

    fn divide(self, count: usize) -> Self {
        self / count as Self
    }

    fn unscaled_log10(self) -> f64 {
        maths::log10(self) - maths::log10(Self::SCALE)
    }
}

/// A vector of numbers, one for each read of a group.
///
/// Every operation rounds each lane as IEEE 754 says: all widths give the same bits.
///
/// # Safety
/// Methods may be called only where the CPU has the features of the implementing type.
pub(super) trait Lanes: Copy {
    /// What a lane holds.
    type Number: Number;
    /// Number of lanes.
    const COUNT: usize;

    /// Fills all lanes.
    unsafe fn splat(value: Self::Number) -> Self;
    /// Makes a vector of the first [`Lanes::COUNT`] values.
    unsafe fn load(values: &[Self::Number]) -> Self;
    /// Writes the lanes to the first [`Lanes::COUNT`] values.
    unsafe fn store(self, values: &mut [Self::Number]);
    /// Adds.
    unsafe fn plus(self, other: Self) -> Self;
    /// Multiplies.
    unsafe fn times(self, other: Self) -> Self;
    /// Returns self · factor + term, rounded once.
    unsafe fn times_plus(self, factor: Self, term: Self) -> Self;
    /// Sets lanes below `limit` to 0.
    unsafe fn flushed(self, limit: Self) -> Self;
}
