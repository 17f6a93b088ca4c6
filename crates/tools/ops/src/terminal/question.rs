//! Questions to the user at the terminal.

use std::io::{Error, ErrorKind, IsTerminal, Result, Write, stderr, stdin};

use crate::terminal::text::harmless;
use crate::terminal::ui::is_captured;

/// Whether there is a user on a terminal who can be asked.
#[must_use]
pub fn is_interactive() -> bool {
    !is_captured() && stdin().is_terminal() && stderr().is_terminal()
}

/// Asks the user and returns the answer.
///
/// # Errors
///
/// If the terminal is gone, or its input ends.
pub fn ask(question: &str) -> Result<String> {
    write!(stderr(), "{} ", harmless(question))?;
    stderr().flush()?;
    let mut answer = String::new();
    if stdin().read_line(&mut answer)? == 0 {
        return Err(Error::new(ErrorKind::UnexpectedEof, "there was no answer"));
    }
    Ok(answer.trim().to_owned())
}
