//! Why FASTQ is refused.

use std::io;

use common::failure::Failure;

use crate::error::storage;

/// Why a FASTQ file was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes could not be read.
    #[error("{file}: record {record}: cannot be read")]
    Io {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record that was being read.
        record: u64,
        /// The cause.
        source: io::Error,
    },
    /// The text is not FASTQ.
    #[error("{file}: record {record}: {defect}")]
    Invalid {
        /// The file, as submitted.
        file: String,
        /// 1-based number of the record.
        record: u64,
        /// What is wrong with it.
        defect: Defect,
    },
}

/// What is wrong with a FASTQ record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Defect {
    /// No byte at all.
    #[error("file is empty")]
    Empty,
    /// A BAM file.
    #[error("file is BAM, not FASTQ")]
    Bam,
    /// A compressed stream that ends too early.
    #[error("compressed file is truncated")]
    TruncatedGzip,
    /// A compressed stream that is damaged.
    #[error("compressed file is corrupt")]
    CorruptGzip,
    /// Another character than `@` at the start.
    #[error("first character is {0:?}, not '@'")]
    Start(char),
    /// A line without characters.
    #[error("line {0} of the record is blank")]
    BlankLine(u8),
    /// The file ends inside the record.
    #[error("file ends after {0} of the record's 4 lines")]
    Incomplete(u8),
    /// The last line is not closed.
    #[error("file does not end with a newline")]
    NoFinalNewline,
    /// The third line is something else.
    #[error("third line does not start with '+': the record may have 3 lines")]
    Separator,
    /// As many qualities as bases are needed.
    #[error("{bases} bases but {qualities} qualities")]
    Lengths {
        /// Number of bases.
        bases: usize,
        /// Number of qualities.
        qualities: usize,
    },
    /// A character that IUPAC does not know.
    #[error("base {0:?} is not an IUPAC code")]
    Base(char),
    /// A quality below `!` or above `~`.
    #[error("quality character {0:?} is outside '!' to '~'")]
    Quality(char),
    /// More bases or qualities than an operation of a CIGAR can cover.
    #[error("read {name} has {length} bases or qualities, more than {most}")]
    TooLong {
        /// Name of the read.
        name: String,
        /// How many it has; of a FASTA record, those up to the line that is too much.
        length: u64,
        /// The most it may have.
        most: u64,
    },
    /// A line before the bases, or between them and the qualities, that cannot be meant.
    #[error("line {line} of the record has {length} bytes")]
    LineTooLong {
        /// Its number in the record.
        line: u8,
        /// Its length.
        length: u64,
    },
    /// A name that BAM cannot hold.
    #[error("read name has {0} characters, not 1 to 254")]
    Name(usize),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Io {
                file,
                record,
                source,
            } => {
                let failure = storage(&source);
                let file = failure.file.clone().or(Some(file));
                Self {
                    file,
                    record: Some(record),
                    ..failure
                }
            }
            Error::Invalid {
                file,
                record,
                defect,
            } => Self::input(file, defect.to_string()).at_record(record),
        }
    }
}
