//! One read at a time, on any CPU: the reference of the other kernels.
#![allow(
    unsafe_code,
    reason = "methods of `Lanes` are unsafe for other CPUs' sake"
)]

use super::lanes::{Lanes, Number};

macro_rules! scalar_lanes {
    ($number:ty) => {
        impl Lanes for $number {
            type Number = $number;
            const COUNT: usize = 1;

            #[inline(always)]
            unsafe fn splat(value: Self) -> Self {
                value
            }

            #[inline(always)]
            unsafe fn load(values: &[Self]) -> Self {
                values[0]
            }

            #[inline(always)]
            unsafe fn store(self, values: &mut [Self]) {
                values[0] = self;
            }

            #[inline(always)]
            unsafe fn plus(self, other: Self) -> Self {
                self + other
            }

            #[inline(always)]
            unsafe fn times(self, other: Self) -> Self {
                self * other
            }

            #[inline(always)]
            unsafe fn times_plus(self, factor: Self, term: Self) -> Self {
                self.mul_add(factor, term)
            }

            #[inline(always)]
            unsafe fn flushed(self, limit: Self) -> Self {
                if self < limit { Self::ZERO } else { self }
            }
        }
    };
}

scalar_lanes!(f32);
scalar_lanes!(f64);
