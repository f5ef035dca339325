//! File formats at the edge: coordinates are converted here and nowhere else.

pub mod bam;
pub mod bam_stream;
pub mod compression;
pub mod cram;
pub mod fasta;
pub mod fastq;
pub mod reads_file;
pub mod sam;
pub mod vcf;
