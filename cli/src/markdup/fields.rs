//! What is read of a record's tags.

use genome::record::{RecordView, encoded_tags, text_of};

/// The tag that says by what a record is a duplicate.
pub const KIND_TAG: [u8; 2] = *b"DT";

/// Tags of a record that matter here.
#[derive(Debug, Default)]
pub struct Fields<'a> {
    read_group: Option<&'a [u8]>,
    /// Whether it says already by what it is a duplicate.
    pub has_kind: bool,
}

impl<'a> Fields<'a> {
    /// Reads them in one go.
    pub fn of(record: &RecordView<'a>) -> Self {
        let mut fields = Self::default();
        for (tag, encoded) in encoded_tags(record.tag_bytes()) {
            match &tag {
                b"RG" if fields.read_group.is_none() => fields.read_group = Some(encoded),
                &KIND_TAG => fields.has_kind = true,
                _ => {}
            }
        }
        fields
    }

    /// Returns the ID of the record's read group.
    pub fn read_group(&self) -> Option<&'a [u8]> {
        self.read_group.and_then(text_of)
    }
}
