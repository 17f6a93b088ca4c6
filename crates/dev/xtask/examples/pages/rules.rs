//! Compares the page of rules with the tests. Errors are a rule without a test, a rule that cites a missing one, and a
//! numbered test without a rule.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::rust_files::rust_files;

/// Rows of a rule, its reason's letter, and its tests.
const PAGE: &str = "docs/guarantees.md";
/// Other pages that cite tests.
const CITING: [&str; 3] = ["README.md", "docs/rides/trust.md", "docs/shop/trust.md"];

/// # Errors
///
/// If they do not match, with all mismatches.
pub(crate) fn compare(root: &Path) -> Result<()> {
    let read =
        |page: &str| fs::read_to_string(root.join(page)).with_context(|| format!("no {page}"));
    let tests = tests(root)?;
    let rules = read(PAGE)?;
    let mut mismatches = mismatches(&rules, &tests);
    for page in CITING.into_iter().chain([PAGE]) {
        let text = read(page)?;
        mismatches.extend(missing_citations(&text, &tests).map(|what| format!("{page} {what}")));
    }
    if !mismatches.is_empty() {
        bail!("{PAGE} and the tests do not match:\n  {}", mismatches.join("\n  "));
    }
    Ok(())
}

/// The names.
type Tests = BTreeSet<String>;

/// Rules without a test, and tests with a number that no rule cites.
fn mismatches(page: &str, tests: &Tests) -> Vec<String> {
    let rules: Vec<Rule<'_>> = page.lines().filter_map(Rule::parse).collect();
    let silent = rules.iter().filter(|rule| cited_numbers(rule.tests).next().is_none());
    let silent = silent.filter(|rule| cited_names(rule.tests).next().is_none());
    let silent = silent.map(|rule| format!("{} names no test", rule.text));
    let cited: BTreeSet<u32> = rules.iter().flat_map(|rule| cited_numbers(rule.tests)).collect();
    let unknown = tests.iter().flat_map(|name| {
        let missing = numbers_of_a_test(name).filter(|number| !cited.contains(number));
        missing.map(move |number| format!("no rule cites T{number:02}: {name}"))
    });
    silent.chain(unknown).collect()
}

fn missing_citations<'a>(text: &'a str, tests: &'a Tests) -> impl Iterator<Item = String> + 'a {
    let known: BTreeSet<u32> = tests.iter().flat_map(|name| numbers_of_a_test(name)).collect();
    text.lines().filter(|line| line.starts_with('|')).flat_map(move |line| {
        let gone = cited_names(line).filter(|name| !tests.contains(*name));
        let gone = gone.map(|name| format!("names {name}: no such test"));
        let shown_by = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let unknown = cited_numbers(shown_by).filter(|number| !known.contains(number));
        let unknown = unknown.map(|number| format!("names T{number:02}: no such test"));
        gone.chain(unknown).collect::<Vec<_>>()
    })
}

struct Rule<'a> {
    text: &'a str,
    tests: &'a str,
}

impl<'a> Rule<'a> {
    /// Reads `| rule | c | tests |`.
    fn parse(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let (text, letter, tests) = (cells.next()?, cells.next()?, cells.next()?);
        matches!(letter, "a" | "b" | "c").then_some(Self { text, tests })
    }
}

/// In `T01, T30`.
fn cited_numbers(cell: &str) -> impl Iterator<Item = u32> {
    let words = cell.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter_map(|word| word.strip_prefix('T')?.parse().ok())
}

/// The names of tests in backticks. A test's name has four words or more.
fn cited_names(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|name| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        name.matches('_').count() >= 3 && name.chars().all(plain)
    })
}

/// As in `t23_t24_what_it_shows`.
fn numbers_of_a_test(name: &str) -> impl Iterator<Item = u32> {
    name.split('_').map_while(|word| word.strip_prefix('t')?.parse().ok())
}

/// Functions with an attribute such as `#[test]` or `#[tokio::test(flavor = "multi_thread")]`.
fn tests(root: &Path) -> Result<Tests> {
    let mut tests = Tests::new();
    let examples = rust_files(&root.join("examples"))?;
    for file in rust_files(&root.join("crates"))?.into_iter().chain(examples) {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else if let Some(name) = function(line) {
                if std::mem::take(&mut is_test) {
                    tests.insert(name.to_owned());
                }
            } else if !line.starts_with("//") {
                is_test = false;
            }
        }
    }
    Ok(tests)
}

fn function(line: &str) -> Option<&str> {
    let line = line.strip_prefix("async ").unwrap_or(line);
    line.strip_prefix("fn ")?.split(['(', '<']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known<const N: usize>(names: [&str; N]) -> Tests {
        names.map(str::to_owned).into()
    }

    #[test]
    fn a_rule_names_a_test_and_a_numbered_test_has_its_rule() {
        let tests = known(["t01_t02_it_arrives_once"]);
        let page = "| rule | why | tests |\n|---|---|---|\n| It arrives. | c | T01, T02 |\n";
        assert_eq!(mismatches(page, &tests), [""; 0]);
        let silent = "| It arrives. | c | T01 |\n| It stays. | a | later |\n";
        assert_eq!(
            mismatches(silent, &tests),
            ["It stays. names no test", "no rule cites T02: t01_t02_it_arrives_once"]
        );
    }

    #[test]
    fn what_a_page_cites_has_to_exist() {
        let tests = known(["it_is_not_done_twice", "t01_it_is_there"]);
        let page = "| once | `it_is_not_done_twice`, `it_is_done_in_order`, T01, T09 |\n";
        let wrong: Vec<String> = missing_citations(page, &tests).collect();
        assert_eq!(wrong, ["names it_is_done_in_order: no such test", "names T09: no such test"]);
    }
}
