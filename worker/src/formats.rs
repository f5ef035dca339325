//! File formats at the edge: coordinates are converted here and nowhere else.

pub mod fastq;
