//! Wraps text.

use console::{measure_text_width as width, truncate_str};

use crate::terminal::text::cut;

/// Lines have at most `room` columns, and there are at most `most`. A longer word is broken.
pub(crate) fn wrap(text: &str, room: usize, most: usize) -> Vec<String> {
    let room = room.max(1);
    let mut lines = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let mut rest = word;
        loop {
            let line = lines.last_mut().map_or(0, |line| width(line));
            let space = usize::from(line > 0);
            if line + space + width(rest) <= room {
                push(&mut lines, space, rest);
                break;
            }
            if line > 0 && width(rest) <= room {
                lines.push(rest.to_owned());
                break;
            }
            // Longer than a line: the word begins here if a good part of it fits.
            let here = room.saturating_sub(line + space);
            if line > 0 && here <= room / 2 {
                lines.push(String::new());
                continue;
            }
            let (head, tail) = split(rest, here);
            push(&mut lines, space, head);
            lines.push(String::new());
            rest = tail;
        }
    }
    if lines.len() > most {
        let rest = lines.split_off(most.max(1) - 1).join(" ");
        lines.push(cut(&rest, room).into_owned());
    }
    lines
}

fn push(lines: &mut [String], space: usize, text: &str) {
    if let Some(line) = lines.last_mut() {
        line.extend(std::iter::repeat_n(' ', space));
        line.push_str(text);
    }
}

/// The first part has at least one character.
fn split(text: &str, room: usize) -> (&str, &str) {
    let first = text.chars().next().map_or(0, char::len_utf8);
    text.split_at(truncate_str(text, room, "").len().max(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        assert_eq!(wrap("the line was cut", 8, 9), ["the line", "was cut"]);
        assert_eq!(wrap("a 0123456789abcdef b", 8, 9), ["a 012345", "6789abcd", "ef b"]);
        assert_eq!(wrap("wide 0123456789abcdef", 8, 9), ["wide", "01234567", "89abcdef"]);
        assert_eq!(wrap("", 8, 9), [""]);
    }

    #[test]
    fn what_does_not_fit_is_cut_and_said() {
        assert_eq!(wrap("one two three four five", 9, 2), ["one two", "three fo…"]);
        assert_eq!(cut("price 日本", 9), "price 日…");
        assert_eq!(cut("price", 5), "price");
    }
}
