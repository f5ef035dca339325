//! Which vector instructions the kernels use.

/// Vector instructions, each level with those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// None: the reference for the others.
    Scalar,
    /// AVX2.
    Avx2,
    /// AVX-512 with bytes and words.
    Avx512,
}

impl Level {
    /// Returns the highest level of this CPU.
    pub fn detected() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if std::is_x86_feature_detected!("avx512bw") {
                return Self::Avx512;
            }
            if std::is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Scalar
    }

    /// Returns all levels of this CPU.
    pub fn available() -> impl Iterator<Item = Self> {
        let levels = [Self::Scalar, Self::Avx2, Self::Avx512];
        levels
            .into_iter()
            .filter(|&level| level <= Self::detected())
    }
}

impl Default for Level {
    fn default() -> Self {
        Self::detected()
    }
}
