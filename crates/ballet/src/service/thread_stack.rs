//! Enlarges the thread stacks of a program that reads messages.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The variable from which Rust reads the stack size of all threads. lapin parses headers
/// recursively on a thread of default size. Anyone who can publish could nest them so deep that the
/// process would crash.
const STACK: (&str, &str) = ("RUST_MIN_STACK", "268435456");

/// Restarts this program in place, with larger stacks for all threads but the first, unless the
/// size is set already. Call it first in a `main` that reads messages; [`main`](crate::main) does.
///
/// # Errors
///
/// A message if the restart fails.
pub fn enlarge() -> Result<(), String> {
    if std::env::var_os(STACK.0).is_some() {
        return Ok(());
    }
    let error = restart();
    Err(format!("cannot restart with a larger stack, set {}: {error}", STACK.0))
}

fn restart() -> std::io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut again = Command::new(program);
    again.arg0(name.as_deref().unwrap_or(OsStr::new("ballet"))).args(arguments);
    // Returns only on failure.
    again.env(STACK.0, STACK.1).exec()
}
