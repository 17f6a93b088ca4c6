//! Lines on the terminal.

use std::io::Write;

pub(crate) fn print(line: &str) {
    // Nobody is left to report to.
    writeln!(std::io::stdout(), "{line}").ok();
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}
