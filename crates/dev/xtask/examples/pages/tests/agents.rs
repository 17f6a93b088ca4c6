//! Coding agents may load pages alone: one has all words of the attributes.

use crate::tests::files::file;

const PAGE: &str = "docs/agents.md";
/// Where the words are declared: the file, and what stands before and behind them.
const DECLARED: [(&str, &str, &str); 3] = [
    ("crates/framework/macros/src/event.rs", "words: &[", "]"),
    ("crates/framework/macros/src/service/words.rs", "words: &[", "]"),
    ("crates/framework/macros/src/service/kind.rs", "const KINDS", "const fn vocabulary"),
];

/// Returns the words between quotation marks, without sentences.
fn words(text: &str) -> Vec<&str> {
    let is_word = |text: &&str| {
        !text.is_empty() && text.chars().all(|each| each.is_ascii_lowercase() || each == '_')
    };
    text.split('"').skip(1).step_by(2).filter(is_word).collect()
}

#[test]
fn the_page_for_agents_has_every_word_of_the_attributes() {
    let page = file(PAGE);
    let on_page = page.split(|each: char| !each.is_ascii_lowercase() && each != '_');
    for (source, before, behind) in DECLARED {
        let text = file(source);
        let declared = text.split_once(before).and_then(|(_, rest)| rest.split_once(behind));
        let (declared, _) = declared.unwrap_or_else(|| panic!("{source} declares no words"));
        let words = words(declared);
        assert!(words.len() > 5, "{source}: {words:?}");
        for word in words {
            assert!(on_page.clone().any(|each| each == word), "{PAGE} lacks `{word}` of {source}");
        }
    }
}
