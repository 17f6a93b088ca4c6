//! The words of a text, folded: small letters without diacritics.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// In characters. The rest of a longer word is ignored.
pub(super) const LONGEST: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FoldedWord {
    /// `muller` of `Müller`.
    pub(super) plain: String,
    /// As written on keyboards without such letters: `mueller` of `Müller`.
    pub(super) spelt: Option<String>,
}

/// Two joined words with fewer letters would be the beginning of too many others.
const JOINED: usize = 4;

impl FoldedWord {
    pub(super) fn joined(&self, next: &Self) -> Option<String> {
        let joined = format!("{}{}", self.plain, next.plain);
        (joined.chars().count() >= JOINED).then(|| joined.chars().take(LONGEST).collect())
    }

    /// Returns one or two.
    pub(super) fn spellings(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.plain.as_str()).chain(self.spelt.as_deref())
    }
}

/// Returns them in order. An apostrophe does not end a word: `men's` is `mens`.
pub(super) fn words(text: &str) -> Vec<FoldedWord> {
    // A letter is spelt out only as letters, so both texts have the same words.
    let spelt = split(&fold(text.nfc().flat_map(spell)));
    let plain = split(&fold(text.chars()));
    let words = plain.into_iter().zip(spelt);
    words
        .map(|(plain, spelt)| FoldedWord { spelt: (spelt != plain).then_some(spelt), plain })
        .collect()
}

fn split(folded: &str) -> Vec<String> {
    let words = folded.split(|c: char| !(c.is_alphanumeric() || is_combining_mark(c)));
    let words = words.filter(|word| word.chars().any(char::is_alphanumeric));
    words.map(|word| word.chars().take(LONGEST).collect()).collect()
}

/// Folds to small letters, without diacritics and apostrophes. Ligatures, wide letters and the like become the
/// letters that they stand for.
fn fold(text: impl Iterator<Item = char>) -> String {
    let letters = text.nfkd().filter(|c| !is_diacritic(*c) && !is_apostrophe(*c));
    let small = letters.flat_map(char::to_lowercase).filter(|c| !is_diacritic(*c));
    let mut folded = String::new();
    for letter in small {
        match undecomposed(letter) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(letter),
        }
    }
    folded
}

/// Whether it is a diacritic of a European script, or a selector between two forms of a sign. Other marks belong to
/// their words.
fn is_diacritic(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{fe00}'..='\u{fe0f}')
}

fn is_apostrophe(letter: char) -> bool {
    matches!(letter, '\'' | '’' | 'ʼ')
}

/// Unicode does not decompose these.
fn undecomposed(letter: char) -> Option<&'static str> {
    Some(match letter {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ı' => "i",
        // The form at the end of a word.
        'ς' => "σ",
        _ => return None,
    })
}

/// Spells as Germans, Danes, Norwegians and Swedes do on a foreign keyboard.
fn spell(letter: char) -> impl Iterator<Item = char> {
    let (letter, other) = match letter {
        'ä' | 'Ä' => ('a', Some('e')),
        'ö' | 'Ö' | 'ø' | 'Ø' => ('o', Some('e')),
        'ü' | 'Ü' => ('u', Some('e')),
        'å' | 'Å' => ('a', Some('a')),
        letter => (letter, None),
    };
    std::iter::once(letter).chain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.plain).collect()
    }

    #[test]
    fn words_are_folded() {
        for (text, folded) in [
            ("Crème brûlée", &["creme", "brulee"][..]),
            ("Cre\u{300}me", &["creme"]),
            ("MEN'S men’s T-Shirt", &["mens", "mens", "t", "shirt"]),
            ("Łódź, Ærø; STRASSE/Straße", &["lodz", "aero", "strasse", "strasse"]),
            ("ﬁne ＷＩＤＥ İstanbul ½", &["fine", "wide", "istanbul", "1", "2"]),
            ("ЧАЙНИК чашка", &["чаиник", "чашка"]),
            ("ΚΑΦΕΣ καφές", &["καφεσ", "καφεσ"]),
            ("☕️ \"quoted\" & | ! :* <-> ('", &["quoted"]),
            ("", &[]),
        ] {
            assert_eq!(plain(text), folded, "{text:?}");
        }
    }

    #[test]
    fn umlauts_have_two_spellings() {
        let word = |plain: &str, spelt: Option<&str>| FoldedWord {
            plain: plain.to_owned(),
            spelt: spelt.map(str::to_owned),
        };
        for text in ["Müller", "Mu\u{308}ller", "MÜLLER"] {
            assert_eq!(words(text), [word("muller", Some("mueller"))], "{text}");
        }
        assert_eq!(words("Mueller"), [word("mueller", None)]);
        assert_eq!(
            words("blå Smörgås"),
            [word("bla", Some("blaa")), word("smorgas", Some("smoergaas"))]
        );
    }

    #[test]
    fn a_word_is_bounded() {
        assert_eq!(plain(&"x".repeat(3_000)), ["x".repeat(LONGEST)]);
    }
}
