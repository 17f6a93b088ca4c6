//! Progress on standard error: a bar on a terminal, else a line now and then.

use std::fmt;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use crate::terminal::ui::{is_captured, say};

/// The time between two lines without a bar.
const EVERY: Duration = Duration::from_secs(2);

/// The progress of one task. Its bar goes away with it.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    whole: Option<u64>,
    said: Mutex<(Instant, String)>,
}

impl Progress {
    /// Begins progress over this number of parts, with their rate.
    #[must_use]
    pub fn new(what: &str, whole: u64) -> Self {
        let looks = "{msg} {bar:20.green} {human_pos}/{human_len}  {rate}, {eta} left";
        Self::with(ProgressBar::new(whole), looks, what, Some(whole))
    }

    /// Begins progress towards an unknown end.
    #[must_use]
    pub fn endless(what: &str) -> Self {
        Self::with(ProgressBar::no_length(), "{msg}  {human_pos}, {rate}", what, None)
    }

    /// Begins progress over this number of parts, with the text of [`tell`](Self::tell).
    #[must_use]
    pub fn told(whole: u64) -> Self {
        let looks = "{bar:20.green} {human_pos}/{human_len}  {msg}";
        Self::with(ProgressBar::new(whole), looks, "", Some(whole))
    }

    fn with(bar: ProgressBar, looks: &str, what: &str, whole: Option<u64>) -> Self {
        let has_bar = !is_captured() && std::io::stderr().is_terminal();
        let bar = has_bar.then(|| {
            // A wrong template would only spoil the looks.
            let style = ProgressStyle::with_template(looks).into_iter();
            style.for_each(|style| bar.set_style(style.with_key("rate", rate)));
            bar.with_message(what.to_owned())
        });
        let said = Mutex::new((Instant::now(), String::new()));
        Self { bar, what: what.to_owned(), whole, said }
    }

    /// Shows the number of parts that are done.
    pub fn show(&self, done: u64) {
        match &self.bar {
            Some(bar) => bar.set_position(done),
            None => {
                let of = self.whole.map(|whole| format!(" of {}", HumanCount(whole)));
                let done = HumanCount(done);
                self.line(&format!("{}: {done}{}", self.what, of.unwrap_or_default()));
            }
        }
    }

    /// Shows the number of parts that are done, and a text.
    pub fn tell(&self, done: u64, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.set_position(done);
                bar.set_message(text.to_owned());
            }
            None => self.line(text),
        }
    }

    fn line(&self, line: &str) {
        if is_captured() {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.0.elapsed() > EVERY && said.1 != line {
            say(line);
            *said = (Instant::now(), line.to_owned());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Writes the rate with one decimal: the library's own has four.
fn rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    // A failure only spoils the looks.
    write!(text, "{:.1}/s", state.per_sec()).ok();
}
