//! Output for people: results on standard output, everything else on standard error. Colours and
//! progress bars only on a terminal.

use std::fmt;
use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use ballet_ops::words::{acting, counted, grouped};
pub(crate) use ballet_terminal::ui::{bad, dim, green, print, red, say, yellow};
use ballet_terminal::{Table, columns, plain};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::Value;

/// The time between two lines of progress where there is no bar.
const EVERY: Duration = Duration::from_secs(2);

/// The form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Text for people
    Table,
    /// One JSON document
    Json,
    /// One JSON object per line
    Jsonl,
}

/// The command as it was called here, for a hint that names another.
pub(crate) fn ballet() -> &'static str {
    // Here, and in a system that `ballet new system` has written.
    let runs = |package| package == "ballet-cli" || package == "command";
    let by_cargo = std::env::var_os("CARGO_PKG_NAME").is_some_and(runs);
    if by_cargo { "cargo ballet" } else { "ballet" }
}

/// Whether standard error is a terminal.
pub(crate) fn is_stderr_a_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// Prints the result as one JSON list, or as a line for each row.
pub(crate) fn print_json(output: Output, rows: Vec<Value>) {
    if output == Output::Jsonl {
        rows.iter().for_each(|row| print(&row.to_string()));
    } else {
        let rows = Value::Array(rows);
        print(&serde_json::to_string_pretty(&rows).unwrap_or_else(|_| rows.to_string()));
    }
}

/// Text on one line, with a dash for what is not there.
pub(crate) fn cell(text: Option<&str>) -> String {
    plain(text.unwrap_or("–"))
}

/// Prints a table that fits the terminal.
pub(crate) fn show(table: &Table) {
    print(&table.draw(columns()));
}

/// Parses an age such as `30min`.
pub(crate) fn age(text: &str) -> Result<SignedDuration, String> {
    let span = text.parse::<Span>();
    let span = span.map_err(|_| "expected a number with its unit, such as 30s, 10m or 2h")?;
    let age = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let age = age.map_err(|error| error.to_string())?;
    if age.is_negative() { Err("an age is not negative".to_owned()) } else { Ok(age) }
}

/// A rough duration from a time until now.
pub(crate) fn ago(at: Option<Timestamp>, now: Timestamp) -> String {
    let Some(at) = at else { return "?".to_owned() };
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds / 60),
        6_000..=172_799 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The rate with one decimal: the library's own has four.
fn with_rate(style: ProgressStyle) -> ProgressStyle {
    style.with_key("rate", |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A line that cannot be written is none to worry about.
        write!(text, "{:.1}/s", state.per_sec()).ok();
    })
}

/// Progress: a bar on a terminal, otherwise a line now and then.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    what: String,
    whole: Option<u64>,
    /// When, and what.
    said: Mutex<(Instant, u64)>,
}

impl Progress {
    pub(crate) fn new(what: &str, whole: u64) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{msg} {bar:20.green} {human_pos}/{human_len}  {rate}, {eta} left",
            );
            let bar = ProgressBar::new(whole).with_message(what.to_owned());
            // A wrong template would only spoil the looks.
            style.into_iter().for_each(|style| bar.set_style(with_rate(style)));
            bar
        });
        let whole = Some(whole);
        Self { bar, what: what.to_owned(), whole, said: Mutex::new((Instant::now(), 0)) }
    }

    /// Progress towards an unknown end.
    pub(crate) fn endless(what: &str) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template("{msg}  {human_pos}, {rate}");
            let bar = ProgressBar::no_length().with_message(what.to_owned());
            style.into_iter().for_each(|style| bar.set_style(with_rate(style)));
            bar
        });
        Self { bar, what: what.to_owned(), whole: None, said: Mutex::new((Instant::now(), 0)) }
    }

    pub(crate) fn show(&self, done: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(done);
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.0.elapsed() > EVERY && said.1 != done {
            *said = (Instant::now(), done);
            let of = self.whole.map(|whole| format!(" of {}", grouped(whole)));
            say(&format!("{}: {}{}", self.what, grouped(done), of.unwrap_or_default()));
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
