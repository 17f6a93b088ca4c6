//! Text that cannot steer a terminal, and fits it.

use std::borrow::Cow;
use std::io::IsTerminal;

use console::Term;

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

/// Cuts a text to this number of columns, with an ellipsis if something is missing.
#[must_use]
pub fn cut(text: &str, room: usize) -> Cow<'_, str> {
    console::truncate_str(text, room, "…")
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
