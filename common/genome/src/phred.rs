//! Phred-scaled qualities, raw (never ASCII + 33).

/// A base or mapping quality: −10·log10 of the probability of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Phred(pub u8);

/// What FASTQ and SAM text add to a quality to print it. SAM v1 §1.4 (2024-11-06).
pub const ASCII_OFFSET: u8 = 33;

/// The largest quality that SAM text can print.
pub const MAX_PRINTABLE: u8 = 93;
