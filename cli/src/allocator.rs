//! Settings of the allocator, which takes them from the environment before `main`.

use std::env;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// For how many milliseconds free memory stays with the process.
///
/// Tasks follow each other and take as much as the one before: after a second, which is mimalloc's own
/// choice, the kernel would have to clear most of it anew.
const KEPT: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "10000");

/// Starts this program once more, in the same process, with memory that is kept for longer; returns if it
/// is set already, or if that cannot be.
pub fn keep_memory() {
    let (name, delay) = KEPT;
    let mut arguments = env::args_os();
    let (Ok(program), Some(own_name)) = (env::current_exe(), arguments.next()) else {
        return;
    };
    if env::var_os(name).is_some() {
        return;
    }
    let mut again = Command::new(program);
    again.arg0(own_name).args(arguments).env(name, delay);
    // It comes back only with an error; without the setting all is as right.
    let error = again.exec();
    tracing::debug!(%error, "memory is not kept for longer");
}
