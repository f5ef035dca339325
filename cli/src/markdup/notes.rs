//! Notes of the first pass, by which the second one copies a BAM file's blocks instead of inflating
//! them once more.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Seek};
use std::path::Path;

use genome::record::RecordView;
use worker::formats::bam::FlagNotes;

use super::Args;
use super::inputs::Inputs;

/// Bytes that are written, or read, together.
const BUFFER_BYTES: usize = 1 << 20;

/// What is noted of a record beside its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its library, less than [`Mark::MOST_LIBRARIES`].
    pub library: u16,
    /// Whether it is the first of its name, where records are grouped by name.
    pub is_first: bool,
}

impl Mark {
    /// As many libraries can be told apart.
    pub const MOST_LIBRARIES: u16 = 1 << 15;

    const fn pack(self) -> u16 {
        self.library << 1 | self.is_first as u16
    }

    /// Returns the mark with this number.
    pub const fn unpack(packed: u16) -> Self {
        Self {
            library: packed >> 1,
            is_first: packed & 1 == 1,
        }
    }
}

/// Notes in the making, as long as it seems that they will serve.
pub struct Noting(Option<FlagNotes<BufWriter<File>>>);

impl Noting {
    /// Starts notes, in a file without a name in `folder`, if blocks are to be copied.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn start(args: &Args, inputs: &mut Inputs, folder: &Path) -> io::Result<Self> {
        let trail = args.may_copy().then(|| inputs.follow()).flatten();
        let Some(trail) = trail else {
            return Ok(Self(None));
        };
        let file = tempfile::tempfile_in(folder)?;
        let out = BufWriter::with_capacity(BUFFER_BYTES, file);
        Ok(Self(Some(FlagNotes::new(trail, out, args.write_index)?)))
    }

    /// Notes a record.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn add(&mut self, record: &RecordView<'_>, mark: Mark) -> io::Result<()> {
        if mark.library >= Mark::MOST_LIBRARIES {
            self.give_up();
        }
        match &mut self.0 {
            Some(notes) => notes.add(record, mark.pack()),
            None => Ok(()),
        }
    }

    /// Forgets the notes: they will not serve.
    pub fn give_up(&mut self) {
        self.0 = None;
    }

    /// Returns the notes for reading, if they serve.
    ///
    /// # Errors
    /// What the file system answers.
    pub fn finish(self) -> io::Result<Option<BufReader<File>>> {
        let finished = self.0.map(FlagNotes::finish).transpose()?.flatten();
        let Some(out) = finished else {
            return Ok(None);
        };
        let mut file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Some(BufReader::with_capacity(BUFFER_BYTES, file)))
    }
}
