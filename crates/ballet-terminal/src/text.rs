//! Text on one line, and its width.

use std::io::IsTerminal;

use console::{Term, measure_text_width};
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

/// The width of the terminal that standard error is; `None` if it is none.
pub(crate) fn columns_of_errors() -> Option<usize> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    Some(Term::stderr().size_checked().map_or(USUAL, |(_, columns)| usize::from(columns)))
}

/// Text in lines that break between words, where a terminal would break inside of them. A word that is longer
/// than a line stays whole: it may be an id to copy.
pub(crate) fn folded(text: &str, room: usize) -> String {
    text.split('\n').map(|line| folded_line(line, room)).collect::<Vec<_>>().join("\n")
}

fn folded_line(line: &str, room: usize) -> String {
    let text = line.trim_start_matches(' ');
    let indent = &line[..line.len() - text.len()];
    let (mut folded, mut taken) = (indent.to_owned(), indent.len());
    for (at, word) in text.split(' ').enumerate() {
        // A colour takes no room.
        let width = measure_text_width(word);
        if at > 0 && taken + 1 + width > room {
            folded.push('\n');
            folded.push_str(indent);
            taken = indent.len();
        } else if at > 0 {
            folded.push(' ');
            taken += 1;
        }
        folded.push_str(word);
        taken += width;
    }
    folded
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

#[test]
fn lines_break_between_words() {
    let hint = "send it back: ballet dlq redrive --saga 0193";
    let folded_hint = "send it back: ballet\ndlq redrive --saga\n0193";
    assert_eq!(folded(hint, 20), folded_hint);
    assert_eq!(
        folded("two sagas:\n  0193f7a0-0001\n  a b c d", 9),
        "two\nsagas:\n  0193f7a0-0001\n  a b c d"
    );
    assert_eq!(folded("  a bb ccc", 6), "  a bb\n  ccc");
    assert_eq!(folded("fits", 4), "fits");
}
