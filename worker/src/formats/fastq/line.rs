//! The lines of a FASTQ text, of which none is kept that is longer than a read may be.

use std::io::{BufRead, Read};

use super::{Defect, Error, FastqReader};

/// What became of a line.
enum Line {
    Read,
    /// The text is over.
    None,
    /// It has so many bytes.
    TooLong(u64),
}

impl FastqReader {
    /// Reads a line into `self.line` without its end; `before` lines of the record were read.
    pub(super) fn read_line(&mut self, before: u8) -> Result<bool, Error> {
        match self.read_line_within(before)? {
            Line::Read => Ok(true),
            Line::None => Ok(false),
            Line::TooLong(length) => Err(self.invalid(Defect::LineTooLong {
                line: before + 1,
                length,
            })),
        }
    }

    /// The same for bases or qualities of a read, given its name and how many there are already.
    pub(super) fn read_bases(
        &mut self,
        before: u8,
        (name, there): (&[u8], u64),
    ) -> Result<(), Error> {
        let length = match self.read_line_within(before)? {
            Line::TooLong(length) => there + length,
            _ => there + self.line.len() as u64,
        };
        if length <= self.most_bases {
            return Ok(());
        }
        Err(self.invalid(Defect::TooLong {
            name: String::from_utf8_lossy(name).into_owned(),
            length,
            most: self.most_bases,
        }))
    }

    /// Reads a line, of one that is too long only the length.
    fn read_line_within(&mut self, before: u8) -> Result<Line, Error> {
        self.line.clear();
        let mut within = self.text.as_mut().take(self.most_bases + 2);
        let read = within.read_until(b'\n', &mut self.line);
        let bytes = read.map_err(|source| self.io(source))? as u64;
        self.consumed_bytes += bytes;
        if bytes == 0 {
            return match before {
                0 => Ok(Line::None),
                before => Err(self.invalid(Defect::Incomplete(before))),
            };
        }
        let is_closed = self.line.pop_if(|last| *last == b'\n').is_some();
        self.line.pop_if(|last| *last == b'\r');
        let length = self.line.len() as u64;
        if !is_closed && bytes == self.most_bases + 2 {
            let rest = self.text.skip_until(b'\n');
            let rest = rest.map_err(|source| self.io(source))? as u64;
            return Ok(Line::TooLong(length + rest.saturating_sub(1)));
        } else if !is_closed {
            return Err(self.invalid(Defect::NoFinalNewline));
        } else if length > self.most_bases {
            return Ok(Line::TooLong(length));
        } else if length == 0 {
            return Err(self.invalid(Defect::BlankLine(before + 1)));
        }
        Ok(Line::Read)
    }
}
