//! The search document of a thing: its words as they are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use crate::search::typo::may_be_meant;
use crate::search::words::{FoldedWord, LONGEST, words};

/// A `tsvector` stores no higher position.
const LAST: usize = 16_383;

/// The words of a thing. The first two are each a `tsvector` as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchDocument {
    /// Each word of the heading, at its first position, with the weight of its text.
    pub heading: String,
    /// Each word of all texts.
    pub words: String,
    /// The words that a mistyped word may stand for, in order.
    pub vocabulary: Vec<String>,
}

/// A text of a heading, with the weight of its words.
pub type WeightedText<'a> = (char, &'a str);

impl SearchDocument {
    /// Reads the texts of a thing: those of its heading, the most important first, and the rest.
    #[must_use]
    pub fn new<'a>(heading: impl IntoIterator<Item = WeightedText<'a>>, rest: &str) -> Self {
        let mut places: BTreeMap<String, (usize, char)> = BTreeMap::new();
        let mut position = 0;
        let mut joined: BTreeSet<String> = BTreeSet::new();
        for (weight, text) in heading {
            joined.extend(pairs(text));
            read(text, |word, is_next| {
                position = (position + usize::from(is_next)).min(LAST);
                places.entry(word).or_insert((position, weight));
            });
        }
        let mut all: BTreeSet<String> = places.keys().cloned().collect();
        read(rest, |word, _| {
            all.insert(word);
        });
        // Words are letters and digits, so nothing has to be escaped. Writing to a string does not fail.
        let (mut heading, mut words) = (String::new(), String::new());
        for (word, (position, weight)) in &places {
            write!(heading, "'{word}':{position}{weight} ").ok();
        }
        for word in all.iter().chain(joined.iter().filter(|word| !all.contains(*word))) {
            write!(words, "'{word}' ").ok();
        }
        let vocabulary = all.into_iter().filter(|word| may_be_meant(word)).collect();
        Self { heading, words, vocabulary }
    }
}

/// Joins each word with the next: `tea pot` is found as `teapot`, too.
fn pairs(text: &str) -> impl Iterator<Item = String> {
    let words = words(text);
    let pairs: Vec<String> = words.windows(2).filter_map(|pair| pair[0].joined(&pair[1])).collect();
    pairs.into_iter()
}

/// `found` gets every spelling of every word, and whether it is the first of the next word.
fn read(text: &str, mut found: impl FnMut(String, bool)) {
    for chunk in text.split_whitespace() {
        let parts = words(chunk);
        for FoldedWord { plain, spelt } in &parts {
            found(plain.clone(), true);
            if let Some(spelt) = spelt {
                found(spelt.clone(), false);
            }
        }
        // `t-shirt` is found as `tshirt`, too.
        if parts.len() > 1 {
            // A text without spaces is one chunk; Postgres accepts no word as long as a page.
            let joined = parts.iter().flat_map(|part| part.plain.chars());
            found(joined.take(LONGEST).collect(), false);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::query::Query;

    #[test]
    fn a_word_has_the_weight_of_its_first_place() {
        let document = SearchDocument::new(
            [('A', "Blue T-Shirt"), ('B', "cotton"), ('C', "shirt-7")],
            "A shirt of cotton, for Müller",
        );
        assert_eq!(
            document.heading,
            "'7':6C 'blue':1A 'cotton':4B 'shirt':3A 'shirt7':6C 't':2A 'tshirt':3A "
        );
        assert_eq!(
            document.words,
            "'7' 'a' 'blue' 'cotton' 'for' 'mueller' 'muller' 'of' 'shirt' 'shirt7' 't' 'tshirt' 'bluet' "
        );
        let vocabulary = ["blue", "cotton", "for", "mueller", "muller", "shirt", "tshirt"];
        assert_eq!(document.vocabulary, vocabulary);
    }

    #[test]
    fn a_text_without_spaces_makes_no_word_longer_than_others() {
        let document = SearchDocument::new([('A', &*"tea-".repeat(50))], &"茶碗，".repeat(600));
        let longest = document.words.split(' ').map(|word| word.trim_matches('\'').chars().count());
        assert_eq!(longest.max(), Some(LONGEST), "{}", document.words);
        // The query is cut to the same length, so the word is found.
        let typed = Query::read(&"tea".repeat(50)).in_tier(0, &[]).0.all;
        let whole = &typed[2..][..LONGEST];
        assert!(document.heading.contains(&format!("'{whole}':")), "{typed}: {}", document.heading);
    }
}
