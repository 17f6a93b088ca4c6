//! Output for people: results on standard output, the rest on standard error. Colours only on a terminal.

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Write, stderr, stdout};
use std::sync::OnceLock;

use console::Style;

use crate::terminal::text::harmless;

static UNWRITTEN: OnceLock<Error> = OnceLock::new();

thread_local! {
    static CAPTURED: RefCell<Option<Captured>> = const { RefCell::new(None) };
}

/// The lines of a command that another program has run in place of a person.
#[derive(Debug, Default)]
pub struct Captured {
    /// The lines of the result, which a person sees on standard output.
    pub result: Vec<String>,
    /// All other lines, which a person sees on standard error.
    pub said: Vec<String>,
}

/// Runs this, and captures what it prints on this thread.
pub fn captured<T>(run: impl FnOnce() -> T) -> (T, Captured) {
    CAPTURED.set(Some(Captured::default()));
    let done = run();
    (done, CAPTURED.take().unwrap_or_default())
}

/// Whether the output of this thread is captured.
#[must_use]
pub fn is_captured() -> bool {
    CAPTURED.with_borrow(Option::is_some)
}

/// Adds a line to what is captured. Without a capture it returns false.
fn capture(line: &str, lines: fn(&mut Captured) -> &mut Vec<String>) -> bool {
    CAPTURED.with_borrow_mut(|captured| match captured {
        Some(captured) => {
            lines(captured).push(line.to_owned());
            true
        }
        None => false,
    })
}

/// Prints a line of progress or an error. Errors of writing are ignored: the reader may be gone.
pub fn say(line: &str) {
    let line = harmless(line);
    if capture(&line, |captured| &mut captured.said) {
        return;
    }
    writeln!(stderr(), "{line}").ok();
}

/// Prints a line of the result for a person. Message parts in it cannot steer the terminal.
pub fn print(line: &str) {
    raw(&harmless(line));
}

/// Prints a line of the result unchanged, for programs.
pub fn raw(line: &str) {
    if capture(line, |captured| &mut captured.result) {
        return;
    }
    if let Err(error) = writeln!(stdout(), "{line}") {
        // The first one says why.
        UNWRITTEN.set(error).ok();
    }
}

/// Returns why the result is incomplete. A reader that leaves early has what it wanted.
#[must_use]
pub fn not_whole() -> Option<&'static Error> {
    UNWRITTEN.get().filter(|error| error.kind() != ErrorKind::BrokenPipe)
}

/// Styles the word before an error, on standard error.
#[must_use]
pub fn bad(text: &str) -> String {
    Style::new().for_stderr().red().bold().apply_to(text).to_string()
}

/// Styles good news.
#[must_use]
pub fn green(text: &str) -> String {
    Style::new().green().apply_to(text).to_string()
}

/// Styles an error.
#[must_use]
pub fn red(text: &str) -> String {
    Style::new().red().bold().apply_to(text).to_string()
}

/// Styles a warning.
#[must_use]
pub fn yellow(text: &str) -> String {
    Style::new().yellow().apply_to(text).to_string()
}

/// Styles a headline.
#[must_use]
pub fn bold(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

/// Styles text that matters less.
#[must_use]
pub fn dim(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}

/// Prints whether a rule holds, and the cases that break it. Returns whether it holds.
pub fn rule(rule: &str, broken: &[String]) -> bool {
    let mark = if broken.is_empty() { green("✓") } else { red("✗") };
    print(&format!("  {mark} {rule}"));
    list(broken, red);
    broken.is_empty()
}

/// Prints the first of some lines below a line of the result.
pub fn list(lines: &[String], colour: fn(&str) -> String) {
    const SHOWN: usize = 10;
    for line in lines.iter().take(SHOWN) {
        print(&format!("      {}", colour(line)));
    }
    if lines.len() > SHOWN {
        print(&format!("      and {} more", lines.len() - SHOWN));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_thread_prints_is_captured() {
        let ((), Captured { result, said }) = captured(|| {
            raw("{}");
            say("one note");
        });
        assert!(!is_captured());
        assert_eq!((result, said), (vec!["{}".to_owned()], vec!["one note".to_owned()]));
    }
}
