//! Progress on standard error: a line now and then.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::terminal::ui::{is_captured, say};
use crate::words::grouped;

/// The time between two lines.
const EVERY: Duration = Duration::from_secs(2);

/// The progress of one task.
#[derive(Debug)]
pub struct Progress {
    what: String,
    whole: Option<u64>,
    said: Mutex<(Instant, String)>,
}

impl Progress {
    /// Begins progress over this number of parts.
    #[must_use]
    pub fn new(what: &str, whole: u64) -> Self {
        Self { whole: Some(whole), ..Self::endless(what) }
    }

    /// Begins progress towards an unknown end.
    #[must_use]
    pub fn endless(what: &str) -> Self {
        let said = Mutex::new((Instant::now(), String::new()));
        Self { what: what.to_owned(), whole: None, said }
    }

    /// Shows the number of parts that are done.
    pub fn show(&self, done: u64) {
        let of = self.whole.map(|whole| format!(" of {}", grouped(whole)));
        self.tell(&format!("{}: {}{}", self.what, grouped(done), of.unwrap_or_default()));
    }

    /// Shows a text.
    pub fn tell(&self, line: &str) {
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
