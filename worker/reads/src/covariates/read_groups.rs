//! Read groups as recalibration names them: by platform unit, else by ID.

use genome::read_group::ReadGroup;
use genome::record::{RecordView, encoded_tags, text_of};

/// The keys of a header's read groups; groups of one platform unit share a key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReadGroupKeys {
    ids: Vec<String>,
    keys: Vec<u16>,
    names: Vec<String>,
}

impl ReadGroupKeys {
    /// Numbers the read groups of a header.
    pub fn new(groups: &[ReadGroup]) -> Self {
        let mut keys = Self::default();
        for group in groups {
            let name = group.get("PU").unwrap_or(group.id());
            let known = keys.names.iter().position(|known| known == name);
            let key = known.unwrap_or_else(|| {
                keys.names.push(name.to_owned());
                keys.names.len() - 1
            });
            keys.ids.push(group.id().to_owned());
            keys.keys.push(key as u16);
        }
        keys
    }

    /// Returns the names by key.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the key of the read group with this index in the header.
    pub fn key(&self, read_group: usize) -> Option<u16> {
        self.keys.get(read_group).copied()
    }

    /// Returns the index in the header of a record's read group, by its `RG` tag.
    pub fn index_of(&self, record: &RecordView<'_>) -> Option<usize> {
        let mut tags = encoded_tags(record.tag_bytes());
        let (_, encoded) = tags.find(|(tag, _)| tag == b"RG")?;
        self.index_of_id(text_of(encoded)?)
    }

    /// Returns the index in the header of the read group with an ID.
    pub fn index_of_id(&self, id: &[u8]) -> Option<usize> {
        self.ids.iter().position(|known| known.as_bytes() == id)
    }

    /// Returns the key of a record's read group, by its `RG` tag.
    pub fn key_of(&self, record: &RecordView<'_>) -> Option<u16> {
        self.index_of(record).and_then(|index| self.key(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Sketch;

    #[test]
    fn groups_of_one_platform_unit_share_a_key() {
        let line = |line: &str| ReadGroup::parse(line).unwrap();
        let groups = [
            line("@RG\tID:a\tPU:unit"),
            line("@RG\tID:b"),
            line("@RG\tID:c\tPU:unit"),
        ];
        let keys = ReadGroupKeys::new(&groups);
        assert_eq!(keys.names(), ["unit", "b"]);
        let mut records = Sketch::default().records();
        assert_eq!(keys.key_of(&records.get(0)), None);
        records.tag_text(*b"RG", b"c");
        assert_eq!(keys.index_of(&records.get(0)), Some(2));
        assert_eq!(keys.key_of(&records.get(0)), Some(0));
    }
}
