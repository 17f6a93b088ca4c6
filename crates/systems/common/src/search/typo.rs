//! Typing errors: the distance between two words.

/// In a short word or a number, every letter counts.
pub(super) fn forgiven(word: &str) -> usize {
    if word.chars().any(char::is_numeric) {
        return 0;
    }
    match word.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    }
}

pub(super) fn may_be_meant(word: &str) -> bool {
    word.chars().nth(2).is_some() && !word.chars().any(char::is_numeric)
}

/// Counts letters that are wrong, missing, too many, or swapped with their neighbour.
pub(super) fn errors(typed: &str, word: &str) -> usize {
    last_row(typed, word).pop().unwrap_or_default()
}

/// Takes `typed` for the beginning of a word.
pub(super) fn errors_at_beginning(typed: &str, word: &str) -> usize {
    last_row(typed, word).into_iter().min().unwrap_or_default()
}

/// Optimal string alignment distances from `typed` to each beginning of `word`.
fn last_row(typed: &str, word: &str) -> Vec<usize> {
    let word: Vec<char> = word.chars().collect();
    let mut above_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=word.len()).collect();
    let mut letter_before = None;
    for (letter, number) in typed.chars().zip(1..) {
        let mut row = vec![number];
        for at in 0..word.len() {
            let wrong = last[at] + usize::from(letter != word[at]);
            let mut least = wrong.min(last[at + 1] + 1).min(row[at] + 1);
            if at > 0 && letter_before == Some(word[at]) && word[at - 1] == letter {
                least = least.min(above_last[at - 1] + 1);
            }
            row.push(least);
        }
        above_last = std::mem::replace(&mut last, row);
        letter_before = Some(letter);
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_errors_are_counted() {
        for (typed, word, count) in [
            ("kettle", "kettle", 0),
            ("ketle", "kettle", 1),
            ("kettlle", "kettle", 1),
            ("kattle", "kettle", 1),
            ("kettel", "kettle", 1),
            ("ekttle", "kettle", 1),
            ("kttel", "kettle", 2),
            ("", "mug", 3),
            ("mug", "", 3),
        ] {
            assert_eq!(errors(typed, word), count, "{typed} for {word}");
        }
        assert_eq!(errors_at_beginning("tepo", "teapots"), 1);
        assert_eq!(errors_at_beginning("teap", "teapots"), 0);
        assert_eq!(errors_at_beginning("tepots", "teapot"), 2);
    }
}
