//! File formats at the edge: coordinates are converted here and nowhere else.

pub mod bam;
pub mod bam_stream;
pub mod compression;
pub mod fasta;
pub mod fastq;
pub mod vcf;
