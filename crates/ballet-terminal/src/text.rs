//! Text on one line, and its width.

use std::io::IsTerminal;

use console::Term;
use unicode_width::UnicodeWidthChar;

/// The width of a terminal that does not tell its own.
const USUAL: usize = 80;

/// The width of the terminal that standard output is; `None` if it is none.
#[must_use]
pub fn columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(Term::stdout().size_checked().map_or(USUAL, |(_, columns)| usize::from(columns)))
}

/// Text on one line. It may come from a message, so control characters, and those that change the
/// direction of writing, become spaces.
#[must_use]
pub fn plain(text: &str) -> String {
    let is_unsafe = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// As much of a text as fits the columns, with an ellipsis if something is missing.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut room = columns.saturating_sub(1);
    let fits = |c: &char| match room.checked_sub(width_of(*c)) {
        Some(left) => {
            room = left;
            true
        }
        None => false,
    };
    let mut cut: String = text.chars().take_while(fits).collect();
    cut.push('…');
    cut
}

/// The number of a terminal's columns that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(width_of).sum()
}

pub(crate) fn width_of(c: char) -> usize {
    c.width().unwrap_or(0)
}
