//! A record that owns its bytes.

use super::view::{RecordError, RecordView};

/// A BAM record, without its `block_size`, in memory of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedRecord {
    bytes: Box<[u8]>,
}

impl OwnedRecord {
    /// Checks and keeps a block.
    ///
    /// # Errors
    /// [`RecordError`] as [`RecordView::parse`].
    pub fn new(bytes: impl Into<Box<[u8]>>) -> Result<Self, RecordError> {
        let bytes = bytes.into();
        RecordView::parse(&bytes)?;
        Ok(Self { bytes })
    }

    /// Returns the record for reading.
    pub fn view(&self) -> RecordView<'_> {
        RecordView::trusted(&self.bytes)
    }
}

impl From<RecordView<'_>> for OwnedRecord {
    fn from(view: RecordView<'_>) -> Self {
        Self {
            bytes: view.bytes().into(),
        }
    }
}
