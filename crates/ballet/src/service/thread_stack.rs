//! More stack for a program that reads messages.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The size of all threads' stacks, in the variable that Rust reads it from. lapin reads headers by
/// recursion on a thread of the usual size, and a message that anybody may send can nest them so
/// deep that it would end the process.
const STACK: (&str, &str) = ("RUST_MIN_STACK", "268435456");

/// Puts this program in its own place, with more stack for all its threads but the first, unless
/// that is set already. For the beginning of a `main` that reads messages;
/// [`main`](crate::main) does it.
///
/// # Errors
///
/// A sentence, if that fails.
pub fn enlarge() -> Result<(), String> {
    if std::env::var_os(STACK.0).is_some() {
        return Ok(());
    }
    let error = start_over();
    Err(format!("cannot start over with more stack, set {}: {error}", STACK.0))
}

fn start_over() -> std::io::Error {
    let mut arguments = std::env::args_os();
    let name = arguments.next();
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return error,
    };
    let mut again = Command::new(program);
    again.arg0(name.as_deref().unwrap_or(OsStr::new("ballet"))).args(arguments);
    // It returns only if it fails.
    again.env(STACK.0, STACK.1).exec()
}
