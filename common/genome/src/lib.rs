//! Genomic primitives shared by every engine: bases, qualities, regions, CIGAR, BAM records,
//! the reference and its partitions. Pure: no I/O, no platform libm.
//!
//! Main path: a [`reads::Reads`] batch is aligned into [`record::Records`], whose order is
//! [`order::Place`] and whose partition comes from [`partition::Partitions`].

pub mod base;
pub mod cigar;
pub mod dictionary;
pub mod interval;
pub mod maths;
pub mod monitor;
pub mod order;
pub mod partition;
pub mod phred;
pub mod read_group;
pub mod reads;
pub mod record;
pub mod reference;
pub mod region;
pub mod two_bits;
pub mod varint;
