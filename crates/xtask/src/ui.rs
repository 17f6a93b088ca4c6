//! What people see: results on standard output, everything else on standard error. Colours only
//! where a person reads.

use std::io::Write;

use console::Style;

/// A line of progress, or a complaint. Whoever reads it may be gone.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").ok();
}

/// A line of the result.
pub(crate) fn print(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

pub(crate) fn bad(text: &str) -> String {
    Style::new().for_stderr().red().bold().apply_to(text).to_string()
}
