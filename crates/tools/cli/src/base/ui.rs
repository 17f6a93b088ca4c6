//! Output for people: results on standard output, the rest on standard error. Colours only on a terminal.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::Path;

pub(crate) use ballet_ops::terminal::Progress;
pub(crate) use ballet_ops::terminal::ui::{
    bad, dim, green, not_whole, print, raw, red, say, yellow,
};
use ballet_ops::terminal::{Cell, Table, columns, plain};
use ballet_ops::words;
pub(crate) use ballet_ops::words::{counted, grouped};
use clap::ValueEnum;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde_json::Value;

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

/// The name under which the command was called here, for hints that name another command.
pub(crate) fn ballet() -> &'static str {
    // The package that cargo runs has this program, as in a project of `ballet new`.
    let has_program = |package: OsString| Path::new(&package).join("src/bin/ballet.rs").exists();
    let by_cargo = std::env::var_os("CARGO_MANIFEST_DIR").is_some_and(has_program);
    if by_cargo { "cargo ballet" } else { "ballet" }
}

pub(crate) fn is_stderr_a_terminal() -> bool {
    std::io::stderr().is_terminal()
}

/// One JSON list, or a line for each row.
pub(crate) fn print_json(output: Output, rows: impl IntoIterator<Item = Value>) {
    if output == Output::Jsonl {
        rows.into_iter().for_each(|row| raw(&row.to_string()));
    } else {
        let rows = Value::Array(rows.into_iter().collect());
        raw(&serde_json::to_string_pretty(&rows).unwrap_or_else(|_| rows.to_string()));
    }
}

/// Shows rows: as JSON if that is asked for, or as a table. `none` is said if there are none. Returns whether there is
/// a table.
pub(crate) fn list<T, const N: usize>(
    output: Output,
    rows: &[T],
    json: impl Fn(&T) -> Value,
    none: &str,
    mut table: Table,
    cells: impl Fn(&T) -> [Cell; N],
) -> bool {
    if output != Output::Table {
        print_json(output, rows.iter().map(json));
        return false;
    }
    if rows.is_empty() {
        print(none);
        return false;
    }
    rows.iter().for_each(|row| table.row(cells(row)));
    show(&table);
    true
}

/// The text on one line, or a dash if there is none.
pub(crate) fn cell(text: Option<&str>) -> String {
    plain(text.unwrap_or("–"))
}

/// Safe for the shell and the reader, since the text may come from a message.
pub(crate) fn shell_word(text: &str) -> String {
    words::shell_word(&plain(text))
}

pub(crate) fn note(text: &str) {
    say(&format!("{} {text}", bad("note:")));
}

/// Fits the terminal.
pub(crate) fn show(table: &Table) {
    print(&table.draw(columns()));
}

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
