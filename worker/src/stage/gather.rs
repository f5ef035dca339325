//! The stage that makes the final files.

pub mod vcf;
