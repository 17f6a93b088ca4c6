//! The search of the site: an index of the sections of all pages, which the script beside it reads.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};
use serde_json::json;

use super::links::OPTIONS;
use super::page;

/// The script that every page loads.
pub(crate) const SCRIPT: &str = include_str!("search.js");
pub(crate) const SCRIPT_FILE: &str = "search.js";
/// The index. It is a script as well, since a browser reads no JSON from a page that is a file.
pub(crate) const INDEX_FILE: &str = "search-index.js";
/// The maximum size of the index in bytes: whoever searches loads all of it.
const MOST: usize = 640 * 1024;

/// A heading of a page, with the words up to the next one.
#[derive(Debug, Default, PartialEq, Eq)]
struct Section {
    heading: String,
    anchor: String,
    words: String,
}

/// Returns the index of these pages: of each its title and address, and the heading, anchor and words of its sections.
///
/// # Errors
///
/// If it is too large.
pub(crate) fn index(pages: &BTreeMap<String, String>) -> Result<String> {
    let listed: Vec<_> = pages
        .iter()
        .map(|(file, text)| {
            let sections = sections(text).into_iter();
            let sections =
                sections.map(|Section { heading, anchor, words }| json!([heading, anchor, words]));
            json!([page::title_of(file, text), page::address(file), sections.collect::<Vec<_>>()])
        })
        .collect();
    let index = serde_json::to_string(&listed).context("cannot write the index of the search")?;
    let size = index.len();
    ensure!(
        size <= MOST,
        "the index of the search has {size} bytes, at most {MOST}: leave pages out of it"
    );
    Ok(format!("searchIndex = {index};\n"))
}

fn sections(text: &str) -> Vec<Section> {
    let mut anchors = page::headings(text).into_iter();
    let mut all: Vec<Section> = Vec::new();
    let mut in_heading = false;
    for event in Parser::new_ext(text, OPTIONS) {
        if let Event::Start(Tag::Heading { .. }) = event {
            in_heading = true;
            let anchor = anchors.next().unwrap_or_default();
            all.push(Section { anchor, ..Section::default() });
        }
        let Some(section) = all.last_mut() else { continue };
        let words = if in_heading { &mut section.heading } else { &mut section.words };
        match event {
            Event::Text(text) | Event::Code(text) => words.push_str(&text),
            Event::End(TagEnd::Heading(_)) => in_heading = false,
            Event::SoftBreak
            | Event::HardBreak
            | Event::End(
                TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::CodeBlock,
            ) => words.push(' '),
            _ => {}
        }
    }
    for section in &mut all {
        section.words = section.words.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_its_heading_anchor_and_words() {
        let page = "# The `end`\n<!-- x -->\nOf a\nsaga.\n\n| a | b |\n|---|---|\n| **c** | `d` |\n\n## Its end\n\n\
                    ```rust\nfn end() {}\n```\n";
        let section = |heading: &str, anchor: &str, words: &str| Section {
            heading: heading.to_owned(),
            anchor: anchor.to_owned(),
            words: words.to_owned(),
        };
        assert_eq!(
            sections(page),
            [
                section("The end", "the-end", "Of a saga. a b c d"),
                section("Its end", "its-end", "fn end() {}")
            ]
        );
    }

    #[test]
    fn the_index_has_every_page_and_a_bound() {
        let page = |text: String| BTreeMap::from([("docs/a.md".to_owned(), text)]);
        assert_eq!(
            index(&page("# A\n\nIt \"ends\".\n".to_owned())).expect("an index"),
            "searchIndex = [[\"A\",\"docs/a.html\",[[\"A\",\"a\",\"It \\\"ends\\\".\"]]]];\n"
        );
        let refused = index(&page(format!("# A\n\n{}\n", "saga ".repeat(MOST / 5 + 1))));
        assert!(refused.expect_err("too large").to_string().contains("at most 655360"));
    }
}
