//! The page of a process's metrics, as Prometheus fetches it.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};
use integration_tests::process::Process;

/// Returns where a process serves its metrics.
pub fn address(process: &mut Process) -> Result<String> {
    let line = process.find_line("metrics are served")?;
    let (_, address) = line
        .split_once("address=")
        .context("the line has an address")?;
    Ok(address.trim().to_owned())
}

/// Fetches a page; returns its status and its text.
pub fn get(address: &str, path: &str) -> Result<(u16, String)> {
    ask(address, &format!("GET {path} HTTP/1.1"))
}

/// Makes a request by its first line.
pub fn ask(address: &str, line: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "{line}\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("an answer has a head")?;
    let status = head.split(' ').nth(1).context("a head has a status")?;
    Ok((status.parse()?, body.to_owned()))
}

/// Returns the sum of the samples whose name and labels begin with a text and contain the others.
pub fn sum(page: &str, begin: &str, parts: &[&str]) -> f64 {
    let lines = page.lines().filter(|line| line.starts_with(begin));
    let lines = lines.filter(|line| parts.iter().all(|part| line.contains(part)));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}

/// Returns the names of all metrics on a page.
pub fn names(page: &str) -> BTreeSet<String> {
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .filter_map(|line| line.split(' ').next().map(str::to_owned))
        .collect()
}
