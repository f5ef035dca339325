//! The first items of many sorted streams.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::container::Error;

/// The present item of each stream; equal ones come in order of their streams.
#[derive(Debug)]
pub(crate) struct Heads<T: Ord> {
    heap: BinaryHeap<Reverse<(T, usize)>>,
}

impl<T: Ord> Heads<T> {
    /// Makes room for this many streams.
    pub(crate) fn new(streams: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(streams),
        }
    }

    /// Adds the first item of a stream.
    pub(crate) fn push(&mut self, item: T, stream: usize) {
        self.heap.push(Reverse((item, stream)));
    }

    /// Returns the smallest item and its stream.
    pub(crate) fn first(&self) -> Option<(&T, usize)> {
        self.heap
            .peek()
            .map(|Reverse((item, stream))| (item, *stream))
    }

    /// Takes the smallest item out and puts the next of its stream in, if there is one.
    pub(crate) fn replace_first(&mut self, next: Option<T>) -> Option<T> {
        let mut first = self.heap.peek_mut()?;
        match next {
            Some(item) => Some(std::mem::replace(&mut first.0.0, item)),
            None => Some(PeekMut::pop(first).0.0),
        }
    }

    /// Lets the stream of the smallest item go on: `advance` overwrites the item with the next, or
    /// says that there is none.
    pub(crate) fn advance_first(
        &mut self,
        advance: impl FnOnce(&mut T) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        let Some(mut first) = self.heap.peek_mut() else {
            return Ok(());
        };
        if !advance(&mut first.0.0)? {
            PeekMut::pop(first);
        }
        Ok(())
    }
}

/// Sorted streams as one sorted stream.
#[derive(Debug)]
pub struct Merged<T: Ord, I> {
    streams: Vec<I>,
    heads: Heads<T>,
    failed: bool,
}

impl<T: Ord, I: Iterator<Item = Result<T, Error>>> Merged<T, I> {
    /// Merges streams, each of which is sorted.
    ///
    /// # Errors
    /// The first error of a stream.
    pub fn new(mut streams: Vec<I>) -> Result<Self, Error> {
        let mut heads = Heads::new(streams.len());
        for (index, stream) in streams.iter_mut().enumerate() {
            if let Some(item) = stream.next().transpose()? {
                heads.push(item, index);
            }
        }
        Ok(Self {
            streams,
            heads,
            failed: false,
        })
    }
}

impl<T: Ord, I: Iterator<Item = Result<T, Error>>> Iterator for Merged<T, I> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let (_, stream) = self.heads.first()?;
        match self.streams[stream].next().transpose() {
            Ok(next) => self.heads.replace_first(next).map(Ok),
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}
