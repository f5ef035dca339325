//! The output of one part: text, with its first and last block left open.

use super::block::{Block, BlockError};
use crate::vcf;
use crate::{Output, Summary};
use genome::dictionary::Dictionary;

/// The open blocks at the ends of a part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ends {
    /// The block before the body, if the part begins with one.
    pub head: Option<Block>,
    /// The block after the body, if the part ends with another one than its head.
    pub tail: Option<Block>,
    /// Whether the body holds any record.
    pub has_body: bool,
}

/// What is kept of a part beside its body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartReport {
    /// Its open blocks.
    pub ends: Ends,
    /// What was called.
    pub summary: Summary,
}

impl PartReport {
    /// Returns the report as text of a few lines.
    pub fn encode(&self) -> String {
        let Summary {
            variants,
            snvs,
            indels,
            transitions,
            transversions,
        } = self.summary;
        let mut text =
            format!("summary {variants} {snvs} {indels} {transitions} {transversions}\n");
        if self.ends.has_body {
            text.push_str("body\n");
        }
        for (name, block) in [("head", &self.ends.head), ("tail", &self.ends.tail)] {
            if let Some(block) = block {
                text.push_str(&format!("{name} {}\n", block.encode()));
            }
        }
        text
    }

    /// Reads what [`PartReport::encode`] wrote.
    ///
    /// # Errors
    /// [`BlockError`] names the line that is something else.
    pub fn decode(text: &str) -> Result<Self, BlockError> {
        let mut report = Self::default();
        for line in text.lines() {
            let refused = || BlockError { text: line.into() };
            match line.split_once(' ').unwrap_or((line, "")) {
                ("summary", numbers) => {
                    report.summary = summary(numbers).ok_or_else(refused)?;
                }
                ("body", "") => report.ends.has_body = true,
                ("head", block) => report.ends.head = Some(Block::decode(block)?),
                ("tail", block) => report.ends.tail = Some(Block::decode(block)?),
                _ => return Err(refused()),
            }
        }
        Ok(report)
    }
}

fn summary(text: &str) -> Option<Summary> {
    let numbers: Vec<u64> = text
        .split(' ')
        .map(|word| word.parse().ok())
        .collect::<Option<_>>()?;
    let [variants, snvs, indels, transitions, transversions] = numbers.try_into().ok()?;
    Some(Summary {
        variants,
        snvs,
        indels,
        transitions,
        transversions,
    })
}

/// Turns outputs into the text of a part's body; knows its ends when all is written.
#[derive(Debug)]
pub struct PartWriter<'a> {
    dictionary: &'a Dictionary,
    ends: Ends,
}

impl<'a> PartWriter<'a> {
    /// Starts a part.
    pub fn new(dictionary: &'a Dictionary) -> Self {
        Self {
            dictionary,
            ends: Ends::default(),
        }
    }

    /// Appends what is sure to belong to the body.
    pub fn write(&mut self, output: Output, body: &mut Vec<u8>) {
        let ends = &mut self.ends;
        if matches!(output, Output::Realigned(_)) {
            return;
        }
        if let Some(block) = ends.tail.take() {
            vcf::write_block(self.dictionary, &block, body);
            ends.has_body = true;
        }
        match output {
            Output::Block(block) if ends.head.is_none() && !ends.has_body => {
                ends.head = Some(block);
            }
            Output::Block(block) => ends.tail = Some(block),
            Output::Call(call) => {
                vcf::write_call(self.dictionary, &call, body);
                ends.has_body = true;
            }
            Output::Realigned(_) => {}
            Output::Position(contig, position) => {
                vcf::write_position(self.dictionary, contig, &position, body);
                ends.has_body = true;
            }
        }
    }

    /// Returns the open blocks.
    pub fn finish(self) -> Ends {
        self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn report_is_read_back() {
        let head = Block::decode("0 5 9 65 3 0,3,30 1:4").unwrap();
        let mut report = PartReport {
            ends: Ends {
                head: Some(head.clone()),
                tail: None,
                has_body: true,
            },
            summary: Summary {
                variants: 3,
                snvs: 2,
                indels: 1,
                transitions: 2,
                transversions: 0,
            },
        };
        assert_eq!(PartReport::decode(&report.encode()), Ok(report.clone()));
        report.ends.tail = Some(head);
        report.ends.has_body = false;
        assert_eq!(PartReport::decode(&report.encode()), Ok(report));
        assert!(PartReport::decode("summary 1 2 3\n").is_err());
        assert!(PartReport::decode("head 1 2 3\n").is_err());
    }
}
