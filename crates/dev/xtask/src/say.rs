//! Lines on the terminal.

use std::io::Write;

/// Prints a result.
pub(crate) fn print(line: &str) {
    // Nobody is left to report an error to.
    writeln!(std::io::stdout(), "{line}").ok();
}

/// Prints what goes on, or what is wrong.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}
