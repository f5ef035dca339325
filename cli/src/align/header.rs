//! The header of the output: contigs, lines that the user adds, the read group.

use std::path::Path;

use aligner::Index;
use anyhow::Result;

use crate::exit::{Exit, ended};

/// Longest ID of a read group.
const LONGEST_ID: usize = 255;

/// The line of a read group and its ID.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadGroupLine {
    line: String,
    /// Value of the RG tag.
    pub id: String,
}

impl ReadGroupLine {
    /// Reads a line with `\\t` for tabs, as `-R` of bwa does.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| Err(ended(Exit::Usage, format!("read group {why}: {text}")));
        if !text.starts_with("@RG") {
            return refused("does not start with @RG");
        }
        if text.contains('\t') {
            return refused("has a tab, which must be written as \\t");
        }
        let line = unescaped(&unescaped(text));
        let Some((_, rest)) = line.split_once("\tID:") else {
            return refused("has no ID");
        };
        let id = rest.split(['\t', '\n']).next().unwrap_or(rest);
        if id.is_empty() || id.len() > LONGEST_ID {
            return refused("has an ID that is empty or too long");
        }
        let id = id.to_owned();
        Ok(Self { line, id })
    }
}

/// Returns the lines that `-H` adds: its text, or the header lines of the file it names.
pub fn added_lines(given: &[String]) -> Vec<String> {
    let mut added = Vec::new();
    for text in given {
        if text.starts_with('@') {
            added.push(unescaped(text));
            continue;
        }
        // A file that cannot be read adds nothing, as with bwa.
        let lines = std::fs::read_to_string(Path::new(text)).unwrap_or_default();
        let lines = lines.lines().filter(|line| line.starts_with('@'));
        added.extend(lines.map(unescaped));
    }
    added
}

/// Returns the text of the header; alternate contigs are marked unless they are `ignored`.
pub fn text(
    (index, ignored): (&Index, bool),
    added: &[String],
    read_group: Option<&ReadGroupLine>,
) -> String {
    let mut text = String::new();
    if !added.iter().any(|line| line.starts_with("@SQ")) {
        for (contig, number) in index.dictionary().contigs().iter().zip(0..) {
            text.push_str(&format!("@SQ\tSN:{}\tLN:{}", contig.name, contig.length));
            text.push_str(if index.is_alternate(number) && !ignored {
                "\tAH:*\n"
            } else {
                "\n"
            });
        }
    }
    for line in added.iter().chain(read_group.map(|group| &group.line)) {
        text.push_str(line);
        text.push('\n');
    }
    let version = env!("CARGO_PKG_VERSION");
    text.push_str(&format!("@PG\tID:spindle\tPN:spindle\tVN:{version}\n"));
    text
}

/// Replaces `\\t`, `\\n`, `\\r` and `\\\\`; another escape vanishes.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            plain.push(letter);
            continue;
        }
        match letters.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('\\') => plain.push('\\'),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_group_is_told_by_its_id() {
        let group = ReadGroupLine::parse("@RG\\tID:a b\\tSM:s").unwrap();
        assert_eq!(group.id, "a b");
        assert_eq!(group.line, "@RG\tID:a b\tSM:s");
        for wrong in ["RG\\tID:a", "@RG\tID:a", "@RG\\tSM:a", "@RG\\tID:"] {
            assert!(ReadGroupLine::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn added_lines_are_text_or_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "@CO\tone\nno header\n@CO\ttwo\n").unwrap();
        let path = file.path().display().to_string();
        let given = ["@CO\\tzero\\q".to_owned(), path, "/no/such/file".into()];
        assert_eq!(added_lines(&given), ["@CO\tzero", "@CO\tone", "@CO\ttwo"]);
    }
}
