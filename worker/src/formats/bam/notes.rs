//! What has to be known of a file's blocks so that FLAGs can be changed in them later, their data
//! being gone.

use std::io::{self, Read, Write};

use genome::record::{Flags, RecordView};
use reads::container::{Decoder, put_varint};
use reads::deflate::{Outline, Outliner};

use super::index::Span;
use super::trail::{Kept, Print, Step, Trail};

/// Bytes of a record before its fields. SAM v1 §4.2 (2024-11-06).
const LENGTH_BYTES: u64 = 4;

/// Where the higher byte of FLAG stands in a record, which has the bit of duplicates.
const FLAG_OFFSET: usize = 15;

/// How many bytes before that byte are known, and how many behind it.
const REACH: usize = 2;

/// Length and CRC-32 of a note.
const HEADER_BYTES: usize = 8;

/// No note is longer: a FLAG and its tokens take less room than a record.
const MAX_NOTE_BYTES: usize = 1 << 24;

/// Names a note in messages.
const WHAT: &str = "note of a block";

/// Signs of what is kept of a block.
const DATA: u8 = 0;
const TOKENS: u8 = 1;
const NOTHING: u8 = 2;

/// FLAG of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FlagNote {
    /// Where its higher byte is in the data of its block.
    pub(super) at: u16,
    /// Any number that whoever noted it wants to have back.
    pub(super) mark: u16,
    /// The byte in the middle, and the bytes next to it.
    pub(super) around: [u8; 2 * REACH + 1],
}

impl FlagNote {
    /// Returns where the record starts in data whose bytes before the block are so many.
    pub(super) fn record_start(&self, data_before: u64) -> u64 {
        let place = data_before + u64::from(self.at);
        place.saturating_sub(LENGTH_BYTES + FLAG_OFFSET as u64)
    }

    /// Returns the flags.
    pub(super) const fn flags(&self) -> Flags {
        Flags(u16::from_le_bytes([
            self.around[REACH - 1],
            self.around[REACH],
        ]))
    }
}

/// What is known of a block.
#[derive(Debug, Default)]
pub(super) struct BlockNote {
    pub(super) print: Print,
    /// How many bytes of data it has.
    pub(super) bytes: usize,
    /// FLAGs whose higher byte is in it, ascending.
    pub(super) flags: Vec<FlagNote>,
    /// Where their records lie, if an index is wanted.
    pub(super) spans: Vec<Span>,
    pub(super) kept: KeptNote,
    /// What is kept if it is [`KeptNote::Data`] or [`KeptNote::Outline`].
    pub(super) data: Vec<u8>,
    pub(super) outline: Outline,
}

/// What is kept of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum KeptNote {
    Data,
    Outline,
    #[default]
    Nothing,
}

/// Notes the FLAGs of all records of a file, one after the other.
#[derive(Debug)]
pub struct FlagNotes<W> {
    out: W,
    trail: Trail,
    /// The block in which the next FLAG is, or one before it.
    step: Option<Step>,
    /// How many bytes of data there are before it, and up to the next record.
    step_start: u64,
    reached: u64,
    flags: Vec<FlagNote>,
    spans: Option<Vec<Span>>,
    outliner: Outliner,
    note: Vec<u8>,
}

impl<W: Write> FlagNotes<W> {
    /// Notes the records of a trail, all of which have to come; and where they lie, if the blocks
    /// are to be indexed.
    ///
    /// # Errors
    /// What the output answers.
    pub fn new(trail: Trail, mut out: W, wants_index: bool) -> io::Result<Self> {
        out.write_all(&trail.blocks_before().to_le_bytes())?;
        Ok(Self {
            out,
            trail,
            step: None,
            step_start: 0,
            reached: 0,
            flags: Vec::new(),
            spans: wants_index.then(Vec::new),
            outliner: Outliner::default(),
            note: Vec::new(),
        })
    }

    /// Notes the next record, and a number of the caller's.
    ///
    /// # Errors
    /// What the output answers.
    pub fn add(&mut self, record: &RecordView<'_>, mark: u16) -> io::Result<()> {
        let bytes = record.bytes();
        let place = self.reached + LENGTH_BYTES + FLAG_OFFSET as u64;
        self.reached += LENGTH_BYTES + bytes.len() as u64;
        self.go_to(place)?;
        let around = bytes[FLAG_OFFSET - REACH..].first_chunk();
        self.flags.push(FlagNote {
            at: (place - self.step_start) as u16,
            mark,
            around: *around.expect("a record has more fixed fields"),
        });
        if let Some(spans) = &mut self.spans {
            spans.push(Span::of(record));
        }
        Ok(())
    }

    /// Ends the notes; `None` if the blocks are not worth to be kept, or not all of them were noted.
    ///
    /// # Errors
    /// What the output answers.
    pub fn finish(mut self) -> io::Result<Option<W>> {
        self.go_to(self.reached.saturating_sub(1))?;
        self.close_step()?;
        let is_whole = self.step_start == self.reached && self.trail.pop().is_none();
        if !is_whole || self.trail.is_given_up() {
            return Ok(None);
        }
        self.out.flush()?;
        Ok(Some(self.out))
    }

    /// Goes on to the block with a byte, which has been read.
    fn go_to(&mut self, place: u64) -> io::Result<()> {
        while self.step_end() <= place {
            self.close_step()?;
            self.step = self.trail.pop();
            if self.step.is_none() {
                // Given up: what is noted from here on does not matter.
                self.flags.clear();
                self.spans.iter_mut().for_each(Vec::clear);
                return Ok(());
            }
        }
        Ok(())
    }

    fn step_end(&self) -> u64 {
        let bytes = self.step.as_ref().map_or(0, |step| step.bytes);
        self.step_start + bytes as u64
    }

    fn close_step(&mut self) -> io::Result<()> {
        let end = self.step_end();
        let Some(step) = self.step.take() else {
            return Ok(());
        };
        self.step_start = end;
        self.note.clear();
        self.note.resize(HEADER_BYTES, 0);
        self.put(&step);
        let (header, note) = self.note.split_at_mut(HEADER_BYTES);
        header[..4].copy_from_slice(&(note.len() as u32).to_le_bytes());
        header[4..].copy_from_slice(&libdeflater::crc32(note).to_le_bytes());
        self.flags.clear();
        self.spans.iter_mut().for_each(Vec::clear);
        self.trail.forget(step.kept);
        self.out.write_all(&self.note)
    }

    fn put(&mut self, step: &Step) {
        let note = &mut self.note;
        note.extend_from_slice(&step.print.checksum.to_le_bytes());
        note.extend_from_slice(&step.print.packed_bytes.to_le_bytes());
        put_varint(note, step.bytes as u64);
        put_varint(note, self.flags.len() as u64);
        for flag in &self.flags {
            note.extend_from_slice(&flag.at.to_le_bytes());
            note.extend_from_slice(&flag.mark.to_le_bytes());
            note.extend_from_slice(&flag.around);
        }
        let spans = self.spans.as_deref().unwrap_or_default();
        put_varint(note, spans.len() as u64);
        spans.iter().for_each(|span| span.encode(note));
        match &step.kept {
            Kept::Data(data) => {
                note.push(DATA);
                note.extend_from_slice(data);
            }
            Kept::Tokens(tokens) => {
                note.push(TOKENS);
                let places = self.flags.iter().map(|flag| flag.at);
                self.outliner.outline(tokens, places).encode(note);
            }
            Kept::Nothing => note.push(NOTHING),
        }
    }
}

/// Reads notes back.
#[derive(Debug)]
pub(super) struct NoteReader<R> {
    input: R,
    note: Vec<u8>,
}

impl<R: Read> NoteReader<R> {
    /// Reads from the start; returns how many blocks stand before those that were noted as well.
    pub(super) fn open(mut input: R) -> io::Result<(Self, u64)> {
        let mut before = [0; 8];
        input.read_exact(&mut before)?;
        let note = Vec::new();
        Ok((Self { input, note }, u64::from_le_bytes(before)))
    }

    /// Reads the next note into the memory of `block`; false at the end.
    ///
    /// # Errors
    /// `InvalidData` if it is not as it was written; what the input answers.
    pub(super) fn next(&mut self, block: &mut BlockNote) -> io::Result<bool> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        let read = self.input.by_ref().take(HEADER_BYTES as u64);
        if { read }.read_to_end(&mut header)? == 0 {
            return Ok(false);
        }
        let damaged = || io::Error::new(io::ErrorKind::InvalidData, "notes of blocks are damaged");
        let Some(&[a, b, c, d, checksum @ ..]) = header.first_chunk::<HEADER_BYTES>() else {
            return Err(damaged());
        };
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        if length > MAX_NOTE_BYTES {
            return Err(damaged());
        }
        self.note.resize(length, 0);
        self.input.read_exact(&mut self.note)?;
        if libdeflater::crc32(&self.note) != u32::from_le_bytes(checksum) {
            return Err(damaged());
        }
        let mut fields = Decoder::new(&self.note, WHAT);
        take(&mut fields, block).map_err(|_| damaged())?;
        Ok(true)
    }
}

fn take(fields: &mut Decoder<'_>, block: &mut BlockNote) -> Result<(), reads::Error> {
    block.print = Print {
        checksum: fields.u32()?,
        packed_bytes: fields.u32()?,
    };
    block.bytes = fields.varint_as()?;
    block.flags.clear();
    for _ in 0..fields.varint()? {
        let mut flag = FlagNote {
            at: fields.u16()?,
            mark: fields.u16()?,
            around: [0; 2 * REACH + 1],
        };
        let around = fields.bytes(flag.around.len())?;
        flag.around.copy_from_slice(around);
        block.flags.push(flag);
    }
    block.spans.clear();
    for _ in 0..fields.varint()? {
        block.spans.push(Span::decode(fields)?);
    }
    block.kept = match fields.u8()? {
        DATA => KeptNote::Data,
        TOKENS => KeptNote::Outline,
        _ => KeptNote::Nothing,
    };
    match block.kept {
        KeptNote::Data => block.data = fields.left().to_vec(),
        KeptNote::Outline => block.outline.decode(fields)?,
        KeptNote::Nothing => {}
    }
    Ok(())
}
