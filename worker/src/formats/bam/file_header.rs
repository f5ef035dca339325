//! The header of a BAM file that was read: its lines are kept but for what a tool has to say.

use genome::dictionary::Dictionary;
use genome::read_group::{ReadGroup, ReadGroupError};

use super::header::encode;

/// The line of a header without one. SAM v1 §1.3 (2024-11-06).
const FIRST_LINE: &str = "@HD\tVN:1.6";

/// Text and contigs of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileHeader {
    /// The lines, as SAM has them.
    pub text: String,
    /// The contigs, by which records name theirs.
    pub dictionary: Dictionary,
}

impl FileHeader {
    /// Returns the order that the file claims: SO of `@HD`.
    pub fn sort_order(&self) -> Option<&str> {
        let line = self.text.lines().next()?;
        field(line.strip_prefix("@HD\t")?, "SO:")
    }

    /// Returns how the file claims to be grouped: GO of `@HD`.
    pub fn grouping(&self) -> Option<&str> {
        let line = self.text.lines().next()?;
        field(line.strip_prefix("@HD\t")?, "GO:")
    }

    /// Returns the header of the same records, grouped but in no order.
    #[must_use]
    pub fn with_grouping(&self, grouping: &str) -> Self {
        let mut header = self.with_sort_order("unknown");
        let end = header.text.find('\n').unwrap_or(header.text.len());
        header.text.insert_str(end, &format!("\tGO:{grouping}"));
        header
    }

    /// Returns the read groups.
    ///
    /// # Errors
    /// [`ReadGroupError`] of the first malformed line.
    pub fn read_groups(&self) -> Result<Vec<ReadGroup>, ReadGroupError> {
        let lines = self.text.lines().filter(|line| line.starts_with("@RG"));
        lines.map(ReadGroup::parse).collect()
    }

    /// Returns the header of the same records in another order.
    #[must_use]
    pub fn with_sort_order(&self, order: &str) -> Self {
        let first = self.text.lines().next().unwrap_or_default();
        let (first, rest) = match first.starts_with("@HD\t") {
            true => (
                first,
                self.text[first.len()..].trim_start_matches(['\r', '\n']),
            ),
            false => (FIRST_LINE, self.text.as_str()),
        };
        let of_order = |field: &&str| {
            ["SO:", "GO:", "SS:"]
                .iter()
                .any(|tag| field.starts_with(tag))
        };
        let kept = first.split('\t').filter(|field| !of_order(field));
        let mut text = kept.collect::<Vec<_>>().join("\t");
        text.push_str(&format!("\tSO:{order}\n{rest}"));
        Self {
            text,
            dictionary: self.dictionary.clone(),
        }
    }

    /// Returns the header with a `@PG` line for a tool, which follows the last one.
    #[must_use]
    pub fn with_program(&self, name: &str) -> Self {
        let lines = self.text.lines().filter(|line| line.starts_with("@PG\t"));
        let known: Vec<&str> = lines.filter_map(|line| field(line, "ID:")).collect();
        let numbered = (1..).map(|number| format!("{name}.{number}"));
        let mut ids = std::iter::once(name.to_owned()).chain(numbered);
        let id = ids.find(|id| !known.contains(&id.as_str()));
        let id = id.expect("one of endlessly many names is free");
        let mut text = self.text.clone();
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        let version = env!("CARGO_PKG_VERSION");
        text.push_str(&format!("@PG\tID:{id}\tPN:spindle\tVN:{version}"));
        if let Some(last) = known.last() {
            text.push_str(&format!("\tPP:{last}"));
        }
        text.push('\n');
        Self {
            text,
            dictionary: self.dictionary.clone(),
        }
    }

    /// Returns the header's bytes, not yet compressed.
    pub fn bytes(&self) -> Vec<u8> {
        encode(&self.text, &self.dictionary)
    }
}

fn field<'a>(line: &'a str, tag: &str) -> Option<&'a str> {
    line.split('\t').find_map(|field| field.strip_prefix(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(text: &str) -> FileHeader {
        FileHeader {
            text: text.into(),
            dictionary: Dictionary::default(),
        }
    }

    #[test]
    fn only_the_order_changes() {
        let table = [
            ("", "@HD\tVN:1.6\tSO:coordinate\n"),
            ("@CO\tx\n", "@HD\tVN:1.6\tSO:coordinate\n@CO\tx\n"),
            (
                "@HD\tVN:1.4\tGO:query\tSO:unknown\n@CO\tSO:x\n",
                "@HD\tVN:1.4\tSO:coordinate\n@CO\tSO:x\n",
            ),
        ];
        for (before, after) in table {
            let sorted = header(before).with_sort_order("coordinate");
            assert_eq!(sorted.text, after);
            assert_eq!(sorted.sort_order(), Some("coordinate"));
        }
        assert_eq!(header("@CO\tSO:x").sort_order(), None);
        let grouped = header("@HD\tVN:1.6\tSO:queryname\n@CO\tx\n").with_grouping("query");
        assert_eq!(grouped.text, "@HD\tVN:1.6\tSO:unknown\tGO:query\n@CO\tx\n");
        assert_eq!(grouped.grouping(), Some("query"));
    }

    #[test]
    fn programs_are_chained_under_names_of_their_own() {
        let twice = header("@PG\tID:bwa\tPN:bwa")
            .with_program("t")
            .with_program("t");
        let version = env!("CARGO_PKG_VERSION");
        let first = format!("@PG\tID:t\tPN:spindle\tVN:{version}\tPP:bwa\n");
        let second = format!("@PG\tID:t.1\tPN:spindle\tVN:{version}\tPP:t\n");
        assert_eq!(twice.text, format!("@PG\tID:bwa\tPN:bwa\n{first}{second}"));
    }
}
