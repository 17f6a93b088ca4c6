//! The words of products, and the texts that people type to find them. They are the same in every run.

use fastrand::Rng;

/// The syllables of words, as products spell them.
const SYLLABLES: [&str; 24] = [
    "ba", "cé", "di", "fo", "gü", "ha", "ke", "li", "mo", "nu", "pa", "rè", "si", "to", "vu", "wa",
    "ze", "bri", "clo", "dra", "stér", "tle", "ning", "lamp",
];
/// The number of words of each frequency: few words are in many products, and many in few.
const WORDS: [u64; 3] = [200, 2_000, 20_000];

/// Chooses words at random.
pub(crate) struct Vocabulary(Rng);

impl Vocabulary {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    fn number(&mut self, of: usize) -> usize {
        self.0.usize(..of)
    }

    /// A word as products spell it.
    pub(crate) fn word(&mut self) -> String {
        let most = WORDS[self.number(WORDS.len())];
        word(self.0.u64(..most))
    }

    /// One of the words that most products have.
    pub(crate) fn frequent(&mut self) -> String {
        word(self.0.u64(..WORDS[0]))
    }

    /// Words that one of these texts has in sequence.
    pub(crate) fn together(&mut self, texts: &[String], count: usize) -> Vec<String> {
        let Some(text) = texts.get(self.number(texts.len().max(1))) else { return Vec::new() };
        let words: Vec<&str> = text.split(' ').collect();
        (0..count).map(|_| words[self.number(words.len())].to_owned()).collect()
    }

    /// Between `from` and `to` words.
    pub(crate) fn words(&mut self, from: usize, to: usize) -> String {
        let count = from + self.number(to - from + 1);
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }
}

fn word(number: u64) -> String {
    let syllables = SYLLABLES.len() as u64;
    // At least three syllables.
    let mut rest = number * 7 + syllables * syllables;
    let mut word = String::new();
    while rest > 0 {
        let at = usize::try_from(rest % syllables).unwrap_or_default();
        word.push_str(SYLLABLES[at]);
        rest /= syllables;
    }
    word
}

/// The text without accents.
pub(crate) fn plain(text: &str) -> String {
    let plain = |letter| match letter {
        'é' | 'è' => 'e',
        'ü' => 'u',
        other => other,
    };
    text.chars().map(plain).collect()
}

/// The word with its third and fourth letters swapped.
pub(crate) fn misspelt(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    letters.swap(2, 3);
    letters.into_iter().collect()
}

/// The first letters of a word.
pub(crate) fn beginning(word: &str, letters: usize) -> String {
    word.chars().take(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_repeat_by_seed_and_are_long_enough_to_be_misspelt() {
        let words = |seed| Vocabulary::new(seed).words(500, 500);
        assert_eq!(words(1), words(1));
        assert_ne!(words(1), words(2));
        let words = words(1);
        assert!(words.split(' ').all(|word| word.chars().count() >= 6), "{words}");
        assert!(words.split(' ').any(|word| plain(word) != word));
        assert_eq!(misspelt("lampba"), "lapmba");
        assert_eq!(beginning("gübri", 2), "gü");
    }
}
