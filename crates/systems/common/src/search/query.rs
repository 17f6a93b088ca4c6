//! Queries for Postgres, from the words that a person typed.

use std::collections::BTreeSet;

use crate::search::typo::{errors, errors_at_beginning, forgiven};
use crate::search::words::{FoldedWord, words};

/// A pasted page finds the things with its first words.
const MAX_WORDS: usize = 16;
/// Typing errors are forgiven in so many words, because each is compared with many words of things.
const MAX_UNSURE: usize = 6;
/// The maximum for each word that may be mistyped.
const CORRECTIONS: usize = 8;
/// A word of at least this length is also found without its last two letters: `dishes` finds `dish`.
const INFLECTED: usize = 6;

/// The words of a search. A thing must have all of them, in any order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    words: Vec<FoldedWord>,
}

/// A word of the query, and a similar word of some thing.
pub type SimilarWords = (String, String);

/// The number of tiers, see [`Query::in_tier`].
pub const TIERS: i16 = 4;

/// A query for all of the words, each a `tsquery` as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TierQuery {
    /// Finds the things that have all words.
    pub all: String,
    /// Finds the things that have any of the words, which ranks the things that `all` finds.
    pub any: String,
}

impl Query {
    /// Reads a search as a person typed it. Other characters than letters and digits separate words.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut words = words(text);
        words.truncate(MAX_WORDS);
        Self { words }
    }

    /// Whether the query has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Returns the words in which a typing error is forgiven: the first of the long ones, each once.
    #[must_use]
    pub fn unsure(&self) -> Vec<String> {
        let mut seen = BTreeSet::new();
        let unsure = self.words.iter().map(|word| &word.plain).filter(|word| forgiven(word) > 0);
        unsure.filter(|word| seen.insert(*word)).take(MAX_UNSURE).cloned().collect()
    }

    /// Returns the query of a tier, and that of the tier before, whose things it excludes. The first tier has the
    /// things with the words in their titles, the last those with similar words somewhere. Only the last tier needs
    /// the words similar to the [unsure](Self::unsure) ones.
    #[must_use]
    pub fn in_tier(&self, tier: i16, similar: &[SimilarWords]) -> (TierQuery, Option<String>) {
        match tier {
            0 => (self.in_title(), None),
            1 => (self.begin_in_title(), Some(self.in_title().all)),
            2 => (self.begin(), Some(self.begin_in_title().all)),
            _ => (self.alike(similar), Some(self.begin().all)),
        }
    }

    /// Finds things with all words in the title, as they are.
    fn in_title(&self) -> TierQuery {
        self.wanted(|_, word| lexemes(word.spellings(), "A"))
    }

    /// Words of the title begin with all words.
    fn begin_in_title(&self) -> TierQuery {
        self.wanted(|_, word| self.beginnings(word, "A"))
    }

    /// Words of the thing begin with all words.
    fn begin(&self) -> TierQuery {
        self.wanted(|_, word| self.beginnings(word, ""))
    }

    /// Finds words that begin with all words or are similar to them. `similar` has words similar to the unsure ones.
    /// A word and its neighbour may be one word of the thing.
    fn alike(&self, similar: &[SimilarWords]) -> TierQuery {
        self.wanted(|at, word| {
            let is_last = at + 1 == self.words.len();
            let corrections = corrections(&word.plain, is_last, similar);
            let others = corrections.into_iter().chain(uninflected(&word.plain));
            let joined = self.words[at.saturating_sub(1)..].windows(2).take(1 + at.min(1));
            let joined: Vec<String> = joined.filter_map(|pair| pair[0].joined(&pair[1])).collect();
            let joined = lexemes(joined.iter().map(String::as_str), "*");
            [self.beginnings(word, ""), lexemes(others, ""), joined].concat()
        })
    }

    fn wanted(&self, alternatives: impl Fn(usize, &FoldedWord) -> Vec<String>) -> TierQuery {
        let words = self.words.iter().enumerate().map(|(at, word)| alternatives(at, word));
        let words: Vec<String> = words.map(|any| format!("({})", any.join(" | "))).collect();
        TierQuery { all: words.join(" & "), any: words.join(" | ") }
    }

    /// A single letter is no beginning, because most things have a word that begins with it.
    fn beginnings(&self, word: &FoldedWord, weight: &str) -> Vec<String> {
        let letters = self.words.iter().map(|word| word.plain.chars().count());
        if letters.max() > Some(1) {
            lexemes(word.spellings(), &format!("*{weight}"))
        } else {
            lexemes(word.spellings(), weight)
        }
    }
}

/// Words are letters and digits, so nothing has to be escaped.
fn lexemes<'a>(words: impl Iterator<Item = &'a str>, weight: &str) -> Vec<String> {
    words.map(|word| format!("'{word}':{weight}")).collect()
}

/// Returns those that differ only by typing errors, the likeliest first. The last word may be unfinished.
fn corrections<'a>(typed: &str, is_last: bool, similar: &'a [SimilarWords]) -> Vec<&'a str> {
    let errors = if is_last { errors_at_beginning } else { errors };
    let candidates = similar.iter().filter(|(of, _)| of == typed).map(|(_, word)| word.as_str());
    let counted = candidates.map(|word| (errors(typed, word), word));
    let forgiven = forgiven(typed);
    let mut likely: Vec<_> = counted.filter(|(errors, _)| *errors <= forgiven).collect();
    likely.sort_unstable();
    likely.into_iter().map(|(_, word)| word).take(CORRECTIONS).collect()
}

fn uninflected(word: &str) -> Option<&str> {
    if forgiven(word) == 0 || word.chars().count() < INFLECTED {
        return None;
    }
    let (end, _) = word.char_indices().rev().nth(1)?;
    word.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::read(text)
    }

    fn alike(text: &str, similar: &[(&str, &str)]) -> String {
        let owned = |(of, word): &(&str, &str)| ((*of).to_owned(), (*word).to_owned());
        query(text).alike(&similar.iter().map(owned).collect::<Vec<_>>()).all
    }

    #[test]
    fn words_become_queries() {
        let blue = query("Blue ketel");
        assert_eq!(blue.in_title().all, "('blue':A) & ('ketel':A)");
        assert_eq!(blue.begin_in_title().all, "('blue':*A) & ('ketel':*A)");
        assert_eq!(blue.begin().all, "('blue':*) & ('ketel':*)");
        assert_eq!(blue.begin().any, "('blue':*) | ('ketel':*)");
        let similar = [("blue", "glue"), ("ketel", "metal"), ("ketel", "kettle")];
        let all = "('blue':* | 'glue': | 'blueketel':*) & ('ketel':* | 'kettle': | 'blueketel':*)";
        assert_eq!(alike("Blue ketel", &similar), all);
        assert_eq!(query("Müller").in_title().all, "('muller':A | 'mueller':A)");
        assert_eq!(alike("dishes", &[]), "('dishes':* | 'dish':)");
        assert_eq!(query("a").begin().all, "('a':)");
        assert_eq!(query("tea p").begin().all, "('tea':*) & ('p':*)");
    }

    #[test]
    fn only_the_last_word_may_be_unfinished() {
        let similar = [("tepo", "teapot")];
        assert!(alike("tepo", &similar).contains("'teapot'"));
        assert!(alike("blue tepo", &similar).contains("'teapot'"));
        assert!(!alike("tepo blue", &similar).contains("'teapot'"));
    }

    #[test]
    fn neighbours_may_be_one_word() {
        let all = "('blue':* | 'bluetea':*) & ('tea':* | 'bluetea':* | 'teapot':*) & \
                   ('pot':* | 'teapot':*)";
        assert_eq!(alike("blue tea pot", &[]), all);
        assert_eq!(alike("a b", &[]), "('a':) & ('b':)");
    }

    #[test]
    fn odd_input_is_only_separators() {
        for text in ["", "  ", "☕️", "' \" \\ :* & | ! <-> ()", "-- ; %_"] {
            assert!(Query::read(text).is_empty(), "{text:?}");
        }
        let many = "word ".repeat(MAX_WORDS + 1);
        assert_eq!(query(&many), query(&"word ".repeat(MAX_WORDS)));
    }

    #[test]
    fn unsure_are_long_words_without_digits_and_not_many() {
        let query = Query::read("mug kettle x200 kettle 4000w");
        assert_eq!(query.unsure(), ["kettle"]);
        let page =
            Query::read("seven words that somebody wrote wrongly kettle teapot saucer spoon");
        assert_eq!(page.unsure(), ["seven", "words", "that", "somebody", "wrote", "wrongly"]);
    }
}
