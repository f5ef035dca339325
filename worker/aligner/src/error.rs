//! Why a batch could not be aligned.

/// What is wrong with a batch, its options, or its owner's patience.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The two reads of a pair have different names.
    #[error("read {number}: mates are named {first} and {second}")]
    MateNames {
        /// Ordinal of the second read in its lane, counted from 1.
        number: u64,
        /// Name of the first read.
        first: String,
        /// Name of the second read.
        second: String,
    },
    /// A paired batch with an odd number of reads.
    #[error("paired batch has {reads} reads, an odd number")]
    OddBatch {
        /// Number of reads.
        reads: usize,
    },
    /// A name that BAM cannot hold.
    #[error("read {number}: name of {bytes} bytes, BAM holds 1 to 254")]
    NameLength {
        /// Ordinal of the read in its lane, counted from 1.
        number: u64,
        /// Length of its name.
        bytes: usize,
    },
    /// A read too long for the arithmetic of scores.
    #[error("read {number}, {name}, has {bases} bases, more than {limit}")]
    ReadTooLong {
        /// Ordinal of the read in its lane, counted from 1.
        number: u64,
        /// Its name.
        name: String,
        /// Its length.
        bases: usize,
        /// The longest possible.
        limit: usize,
    },
    /// An option outside the values that make sense.
    #[error("option {name} is {value}, allowed are {least} to {most}")]
    Option {
        /// Name of the option.
        name: &'static str,
        /// Its value.
        value: i64,
        /// Least allowed value.
        least: i64,
        /// Greatest allowed value.
        most: i64,
    },
    /// The owner asked to stop.
    #[error("alignment was cancelled")]
    Cancelled,
}
