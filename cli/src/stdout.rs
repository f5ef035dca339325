//! Lines on standard output, whose reader may go away at any time.

use std::fmt;
use std::io::{self, Write};

/// Prints a line as `println!` does; a reader that is gone ends the program quietly.
macro_rules! say {
    ($($format:tt)*) => { $crate::stdout::line(format_args!($($format)*)) };
}

pub(crate) use say;

/// Prints one line.
pub fn line(text: fmt::Arguments<'_>) {
    bytes(format!("{text}\n").as_bytes());
}

/// Prints bytes.
pub fn bytes(bytes: &[u8]) {
    let mut out = io::stdout().lock();
    if let Err(error) = out.write_all(bytes).and_then(|()| out.flush()) {
        if error.kind() != io::ErrorKind::BrokenPipe {
            eprintln!("spindle: standard output: {error}");
        }
        std::process::exit(i32::from(error.kind() != io::ErrorKind::BrokenPipe));
    }
}
