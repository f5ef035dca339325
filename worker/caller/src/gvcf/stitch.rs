//! Joining parts in order.

use super::block::Block;
use super::part::Ends;
use crate::vcf;
use genome::dictionary::Dictionary;

/// Writes what lies between the bodies of parts, taken in order.
///
/// For each part: [`Stitch::before_body`], then the body as it is, then [`Stitch::after_body`].
/// After the last one: [`Stitch::finish`].
#[derive(Debug)]
pub struct Stitch<'a> {
    dictionary: &'a Dictionary,
    open: Option<Block>,
}

impl<'a> Stitch<'a> {
    /// Starts before the first part.
    pub const fn new(dictionary: &'a Dictionary) -> Self {
        Self {
            dictionary,
            open: None,
        }
    }

    /// Appends the records that come before a part's body.
    pub fn before_body(&mut self, ends: &Ends, text: &mut Vec<u8>) {
        if let Some(head) = &ends.head {
            match &mut self.open {
                Some(open) if open.joins(head) => open.extend(head),
                _ => {
                    self.flush(text);
                    self.open = Some(head.clone());
                }
            }
        }
        if ends.has_body || ends.tail.is_some() {
            self.flush(text);
        }
    }

    /// Takes over the part's last block.
    pub fn after_body(&mut self, ends: Ends) {
        if ends.tail.is_some() {
            self.open = ends.tail;
        }
    }

    /// Appends the last record.
    pub fn finish(mut self, text: &mut Vec<u8>) {
        self.flush(text);
    }

    fn flush(&mut self, text: &mut Vec<u8>) {
        if let Some(block) = self.open.take() {
            vcf::write_block(self.dictionary, &block, text);
        }
    }
}
