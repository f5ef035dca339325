//! Read groups: the `@RG` line of a SAM header.

/// Why a text is not a read group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadGroupError {
    /// The line does not start with `@RG` and a tab.
    #[error("read group does not start with @RG and a tab: {0}")]
    Start(String),
    /// A field is not `XX:value`.
    #[error("read group field is not TAG:value: {0}")]
    Field(String),
    /// There is no ID.
    #[error("read group has no ID")]
    MissingId,
    /// A tag stands twice.
    #[error("read group has the tag {0} twice")]
    Repeated(String),
}

/// A read group: its fields in the order of the line, ID among them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ReadGroup {
    fields: Vec<(String, String)>,
}

impl ReadGroup {
    /// Makes a read group of an ID, a sample, a library and a platform unit.
    pub fn new(id: &str, sample: &str, library: &str, platform_unit: &str) -> Self {
        let fields = [
            ("ID", id),
            ("SM", sample),
            ("LB", library),
            ("PL", "ILLUMINA"),
            ("PU", platform_unit),
        ];
        Self {
            fields: fields
                .map(|(tag, value)| (tag.into(), value.into()))
                .to_vec(),
        }
    }

    /// Reads a header line, with real tabs or with `\t`.
    ///
    /// # Errors
    /// [`ReadGroupError`] says what is wrong. SAM v1 §1.3 (2024-11-06).
    pub fn parse(line: &str) -> Result<Self, ReadGroupError> {
        let line = line.replace("\\t", "\t");
        let Some(rest) = line.strip_prefix("@RG\t") else {
            return Err(ReadGroupError::Start(line));
        };
        let mut fields: Vec<(String, String)> = Vec::new();
        for field in rest.split('\t') {
            let well_formed = |(tag, value): &(&str, &str)| tag.len() == 2 && !value.is_empty();
            let Some((tag, value)) = field.split_once(':').filter(well_formed) else {
                return Err(ReadGroupError::Field(field.into()));
            };
            if fields.iter().any(|(known, _)| known == tag) {
                return Err(ReadGroupError::Repeated(tag.into()));
            }
            fields.push((tag.into(), value.into()));
        }
        let group = Self { fields };
        if group.get("ID").is_none() {
            Err(ReadGroupError::MissingId)
        } else {
            Ok(group)
        }
    }

    /// Returns the value of a field, such as `SM`.
    pub fn get(&self, tag: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(known, _)| known == tag)
            .map(|(_, value)| value.as_str())
    }

    /// Sets a field, in its place or at the end.
    pub fn set(&mut self, tag: &str, value: &str) {
        match self.fields.iter_mut().find(|(known, _)| known == tag) {
            Some((_, old)) => *old = value.into(),
            None => self.fields.push((tag.into(), value.into())),
        }
    }

    /// Returns the ID.
    pub fn id(&self) -> &str {
        self.get("ID")
            .expect("a read group has an ID by construction")
    }

    /// Returns the fields in order.
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    /// Returns the library, or Picard's word for none.
    pub fn library(&self) -> &str {
        self.get("LB").unwrap_or("Unknown Library")
    }

    /// Returns the header line without its line end.
    pub fn line(&self) -> String {
        let fields = self
            .fields
            .iter()
            .map(|(tag, value)| format!("\t{tag}:{value}"));
        std::iter::once("@RG".to_owned()).chain(fields).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_survives_a_round_trip() {
        let group = ReadGroup::parse("@RG\\tID:a\\tSM:s\\tDT:2012-01-01T00:00:00").unwrap();
        assert_eq!(group.line(), "@RG\tID:a\tSM:s\tDT:2012-01-01T00:00:00");
        assert_eq!(group.library(), "Unknown Library");
    }

    #[test]
    fn bad_lines_are_refused() {
        assert!(matches!(
            ReadGroup::parse("RG\tID:a"),
            Err(ReadGroupError::Start(_))
        ));
        assert_eq!(
            ReadGroup::parse("@RG\tSM:a"),
            Err(ReadGroupError::MissingId)
        );
        assert!(matches!(
            ReadGroup::parse("@RG\tID:a\tSM"),
            Err(ReadGroupError::Field(_))
        ));
        assert!(matches!(
            ReadGroup::parse("@RG\tID:a\tID:b"),
            Err(ReadGroupError::Repeated(_))
        ));
    }
}
