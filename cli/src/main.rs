//! `spindle`: every role and every tool is a subcommand of the one binary.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod align;
mod allocator;
mod apply_recal;
mod audit;
mod call;
mod cancel;
mod client;
mod cluster;
mod commands;
mod controller;
mod download;
mod drain;
mod embedded;
mod evaluate;
mod exit;
mod follow;
mod gatk_flags;
mod genome_args;
mod genotype;
mod index;
mod intervals;
mod json;
mod key;
mod list;
mod markdup;
mod memory;
mod metrics;
mod output;
mod progress;
mod reads_input;
mod reads_output;
mod recalibrate;
mod reference;
mod renew_login;
mod request;
mod run;
mod sequences;
mod server;
mod server_args;
mod sort;
mod spill;
mod state;
mod status;
mod stdout;
mod submit;
mod summary;
mod text;
mod vcf_output;
mod watch;
mod worker;
mod workers;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match commands::Cli::parse_from(gatk_flags::spelled_out(std::env::args_os())).run() {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
