//! Text on one line, and its width.

use std::borrow::Cow;
use std::io::IsTerminal;

use console::{Term, measure_text_width};
use unicode_width::UnicodeWidthChar;

/// If the terminal does not report its width.
const USUAL: usize = 80;

/// Returns the width of the terminal on standard output; `None` if it is no terminal.
#[must_use]
pub fn columns() -> Option<usize> {
    if !std::io::stdout().is_terminal() {
        return None;
    }
    Some(Term::stdout().size_checked().map_or(USUAL, |(_, columns)| usize::from(columns)))
}

/// `None` if it is no terminal.
pub(crate) fn columns_of_errors() -> Option<usize> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    Some(Term::stderr().size_checked().map_or(USUAL, |(_, columns)| usize::from(columns)))
}

/// Terminals break within words. A word longer than a line stays whole: it may be an id to copy.
pub(crate) fn fold(text: &str, room: usize) -> String {
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

/// Returns text on one line. It may come from a message, so control characters, and those that change the writing
/// direction, become spaces.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { ' ' } else { c }).collect()
}

/// Whether a character may steer a terminal, or change the direction of writing.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Parts may come from a message. Ends of lines, tabs and colours stay, and other characters that could steer the
/// terminal become spaces.
pub(crate) fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| is_unsafe(c) && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(is_harmful) {
        let (before, from) = rest.split_at(at);
        let length = colour(from);
        kept.push_str(before);
        kept.push_str(length.map_or(" ", |length| &from[..length]));
        let length = length.or_else(|| from.chars().next().map(char::len_utf8));
        rest = &from[length.unwrap_or(from.len())..];
    }
    kept.push_str(rest);
    Cow::Owned(kept)
}

fn colour(text: &str) -> Option<usize> {
    const BEGIN: &str = "\u{1b}[";
    let codes = text.strip_prefix(BEGIN)?;
    let end = codes.find(|c: char| !c.is_ascii_digit() && c != ';')?;
    codes[end..].starts_with('m').then_some(BEGIN.len() + end + 1)
}

/// Cuts a text to the columns, with an ellipsis if something is missing.
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

/// In columns.
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
    assert_eq!(fold(hint, 20), folded_hint);
    assert_eq!(
        fold("two sagas:\n  0193f7a0-0001\n  a b c d", 9),
        "two\nsagas:\n  0193f7a0-0001\n  a b c d"
    );
    assert_eq!(fold("  a bb ccc", 6), "  a bb\n  ccc");
    assert_eq!(fold("fits", 4), "fits");
}

#[test]
fn of_what_steers_a_terminal_only_colours_are_printed() {
    for harmless_text in ["a\tb\nc", "\u{1b}[1;31mred\u{1b}[0m", "Größe 日本"] {
        assert_eq!(harmless(harmless_text), harmless_text);
    }
    for (harmful, shown) in [
        ("a\u{1b}]0;title\u{7}b", "a ]0;title b"),
        ("\u{1b}[31mred\u{1b}[2J", "\u{1b}[31mred [2J"),
        ("\u{1b}[", " ["),
        ("\u{1b}", " "),
        ("\u{9b}2Jone\rtwo", " 2Jone two"),
        ("a\u{202e}b\u{61c}c", "a b c"),
    ] {
        assert_eq!(harmless(harmful), shown, "{harmful:?}");
    }
}
