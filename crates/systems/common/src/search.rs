//! Search by words. Postgres splits and folds texts and queries alike, without the rules of a language.

/// A pasted page finds the things with its first words.
const MAX_WORDS: usize = 16;

/// Returns the argument of `to_tsquery` for things that have words with all of these beginnings, from a search as a
/// person typed it. `None` if it has no words.
#[must_use]
pub fn query(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    // Words are letters and digits, so nothing has to be escaped.
    let words: Vec<String> = words.take(MAX_WORDS).map(|word| format!("'{word}':*")).collect();
    (!words.is_empty()).then(|| words.join(" & "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_its_first_words() {
        assert_eq!(query("Blue T-shirt!").as_deref(), Some("'Blue':* & 'T':* & 'shirt':*"));
        assert_eq!(query(&"word ".repeat(MAX_WORDS + 1)), query(&"word ".repeat(MAX_WORDS)));
        for text in ["", "  ", "☕️", "' \" \\ :* & | ! <-> ()", "-- ; %_"] {
            assert_eq!(query(text), None, "{text:?}");
        }
    }
}
