//! The output of one part: text, with its first and last block left open.

use super::block::Block;
use crate::Output;
use crate::vcf;
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
        }
    }

    /// Returns the open blocks.
    pub fn finish(self) -> Ends {
        self.ends
    }
}
