//! Output for people: results on standard output, everything else on standard error. Colours only
//! on a terminal.

use std::io::{IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use console::Style;
use indicatif::{ProgressBar, ProgressStyle};

use crate::text::{columns_of_errors, folded};

/// The time between two lines of progress where there is no bar.
const EVERY: Duration = Duration::from_secs(1);

/// Prints a line of progress or an error, folded to the terminal. Errors of writing are ignored: the reader may be
/// gone.
pub fn say(line: &str) {
    let folded = columns_of_errors().map(|room| folded(line, room));
    writeln!(std::io::stderr(), "{}", folded.as_deref().unwrap_or(line)).ok();
}

/// Prints a line of the result.
pub fn print(line: &str) {
    writeln!(std::io::stdout(), "{line}").ok();
}

/// For the word before an error, on standard error.
#[must_use]
pub fn bad(text: &str) -> String {
    Style::new().for_stderr().red().bold().apply_to(text).to_string()
}

/// What is well.
#[must_use]
pub fn green(text: &str) -> String {
    Style::new().green().apply_to(text).to_string()
}

/// What is wrong.
#[must_use]
pub fn red(text: &str) -> String {
    Style::new().red().bold().apply_to(text).to_string()
}

/// What to look at.
#[must_use]
pub fn yellow(text: &str) -> String {
    Style::new().yellow().apply_to(text).to_string()
}

/// A headline.
#[must_use]
pub fn bold(text: &str) -> String {
    Style::new().bold().apply_to(text).to_string()
}

/// What matters less.
#[must_use]
pub fn dim(text: &str) -> String {
    Style::new().dim().apply_to(text).to_string()
}

/// Prints whether a rule holds, and what breaks it. Returns whether it holds.
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

/// Progress: a bar on a terminal, otherwise a line now and then.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    said: Mutex<Option<(Instant, String)>>,
}

impl Progress {
    /// Progress of this many parts.
    #[must_use]
    pub fn new(whole: usize) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{bar:20.green} {pos}/{len}  {msg}");
            let bar = ProgressBar::new(whole as u64);
            // A wrong template would only spoil the looks.
            style.into_iter().for_each(|style| bar.set_style(style));
            bar
        });
        Self { bar, said: Mutex::new(None) }
    }

    /// Shows how many are done, and a text.
    pub fn show(&self, done: usize, text: &str) {
        if let Some(bar) = &self.bar {
            bar.set_position(done as u64);
            bar.set_message(text.to_owned());
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let due = said.as_ref().is_none_or(|(at, last)| at.elapsed() > EVERY && last != text);
        if due {
            say(text);
            *said = Some((Instant::now(), text.to_owned()));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish();
        }
    }
}
