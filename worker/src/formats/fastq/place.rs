//! Where in a file an error is.

use std::io;

use super::{Defect, Error};

/// Where an error is.
pub(super) struct Place<'a> {
    /// Name of the file.
    pub(super) file: &'a str,
    /// Number of the record, from 1.
    pub(super) record: u64,
}

impl Place<'_> {
    pub(super) fn invalid(&self, defect: Defect) -> Error {
        Error::Invalid {
            file: self.file.into(),
            record: self.record,
            defect,
        }
    }

    pub(super) fn io(&self, source: io::Error) -> Error {
        match source.kind() {
            io::ErrorKind::UnexpectedEof => self.invalid(Defect::TruncatedGzip),
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
                self.invalid(Defect::CorruptGzip)
            }
            _ => Error::Io {
                file: self.file.into(),
                record: self.record,
                source,
            },
        }
    }
}
