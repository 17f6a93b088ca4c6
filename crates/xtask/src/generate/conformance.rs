//! Compares the conformance page with the tests. A row that names a missing test, a test that no row
//! names, a row without a test and a reason, a missing row and one that is there twice are errors.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::rust_files::rust_files;

/// The page that is compared.
const PAGE: &str = "docs/conformance.md";
/// Pages that cite tests, and rows of the conformance page.
const CITING: [&str; 4] =
    ["README.md", "docs/guarantees.md", "docs/rides/trust.md", "docs/shop/trust.md"];
/// The number of rows; they are numbered from 1.
const ROWS: u32 = 231;
/// The beginnings of a reason for a row without a test: it does not apply here, or is still to be written.
const REASONS: [&str; 2] = ["(not offered: ", "(open: "];

/// Compares the page, and those that cite it, with the tests.
///
/// # Errors
///
/// If they do not match. The error names all mismatches.
pub(super) fn compare(root: &Path) -> Result<()> {
    let read =
        |page: &str| fs::read_to_string(root.join(page)).with_context(|| format!("no {page}"));
    let tests = tests(root)?;
    let text = read(PAGE)?;
    let mut mismatches = mismatches(&text, &tests);
    let rows: BTreeSet<u32> =
        text.lines().filter_map(ConformanceRow::parse).flat_map(|row| row.numbers).collect();
    for page in CITING {
        let text = read(page)?;
        mismatches
            .extend(missing_citations(&text, &rows, &tests).map(|what| format!("{page} {what}")));
    }
    if !mismatches.is_empty() {
        bail!("{PAGE} and the tests do not match:\n  {}", mismatches.join("\n  "));
    }
    Ok(())
}

/// The paths of all tests, by their names.
type Tests = BTreeMap<String, Vec<String>>;

fn mismatches(text: &str, tests: &Tests) -> Vec<String> {
    let mut mismatches = Vec::new();
    let mut rows: BTreeSet<u32> = BTreeSet::new();
    let mut named = BTreeSet::new();
    for ConformanceRow { ids, numbers, test } in text.lines().filter_map(ConformanceRow::parse) {
        if paths(test).next().is_none() && !REASONS.iter().any(|reason| test.contains(reason)) {
            mismatches.push(format!("{ids} names no test, and does not say why"));
        }
        for path in paths(test) {
            if !exists(path, tests) {
                mismatches.push(format!("{ids} names {path}, but there is no such test"));
            }
            let name = path.rsplit("::").next().unwrap_or(path);
            named.extend(numbers.iter().map(|number| (*number, name.to_owned())));
        }
        let twice = numbers.into_iter().filter(|number| !rows.insert(*number));
        mismatches.extend(twice.map(|number| format!("T{number:02} has two rows")));
    }
    for (name, paths) in tests {
        for number in numbers_of_a_test(name) {
            if !named.contains(&(number, name.clone())) {
                mismatches.push(format!("T{number:02} does not name {}", paths.join(" or ")));
            }
        }
    }
    let missing = (1..=ROWS).filter(|number| !rows.contains(number));
    mismatches.extend(missing.map(|number| format!("T{number:02} is missing")));
    mismatches
}

/// The tests and rows that a page cites and that do not exist. A test's name has four words or more.
fn missing_citations<'a>(
    text: &'a str,
    rows: &'a BTreeSet<u32>,
    tests: &'a Tests,
) -> impl Iterator<Item = String> + 'a {
    let is_name = |word: &str| {
        let name = word.rsplit("::").next().unwrap_or(word);
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_:".contains(c);
        name.matches('_').count() >= 3 && word.chars().all(plain)
    };
    let gone = text.lines().filter(|line| line.starts_with('|')).flat_map(move |line| {
        let names = line.split('`').skip(1).step_by(2).filter(move |word| is_name(word));
        names.filter(|name| !exists(name, tests)).map(|name| format!("names {name}: no such test"))
    });
    let shown_by = text.lines().filter_map(|line| line.strip_suffix('|')?.rsplit('|').next());
    let unknown = shown_by.flat_map(|cell| cell.split([',', ' '])).filter_map(|word| {
        let number = word.strip_prefix('T')?.parse::<u32>().ok()?;
        (!rows.contains(&number)).then(|| format!("names {word}: no such row in {PAGE}"))
    });
    gone.chain(unknown)
}

struct ConformanceRow<'a> {
    ids: &'a str,
    numbers: Vec<u32>,
    test: &'a str,
}

impl<'a> ConformanceRow<'a> {
    /// Reads `- **T01** scenario: test`.
    fn parse(line: &'a str) -> Option<Self> {
        let (ids, test) = line.strip_prefix("- **")?.split_once("** ")?;
        let numbers = numbers(ids)?;
        Some(Self { ids, numbers, test })
    }
}

/// The numbers of `T01`, of `T01, T03` and of `T01 to T03`.
fn numbers(ids: &str) -> Option<Vec<u32>> {
    let number = |id: &str| id.trim().strip_prefix('T')?.parse::<u32>().ok();
    if let Some((first, last)) = ids.split_once(" to ") {
        return Some((number(first)?..=number(last)?).collect());
    }
    ids.split(',').map(number).collect()
}

/// The rows in a test's name: `t23_t24_what_it_shows`.
fn numbers_of_a_test(name: &str) -> Vec<u32> {
    name.split('_').map_while(|word| word.strip_prefix('t')?.parse().ok()).collect()
}

/// The paths in backticks.
fn paths(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2).filter(|word| word.contains("::"))
}

/// Whether there is a test at the path. The path may leave out parts, such as the crate or the
/// module `tests`.
fn exists(path: &str, tests: &Tests) -> bool {
    let name = path.rsplit("::").next().unwrap_or(path);
    tests.get(name).is_some_and(|found| {
        found.iter().any(|full| {
            let mut parts = full.split("::");
            path.split("::").all(|part| parts.any(|other| other == part))
        })
    })
}

/// Finds the tests in the sources: functions with an attribute such as `#[test]` or
/// `#[tokio::test(flavor = "multi_thread")]`.
fn tests(root: &Path) -> Result<Tests> {
    let mut tests = Tests::new();
    let examples = rust_files(&root.join("examples"))?;
    for file in rust_files(&root.join("crates"))?.into_iter().chain(examples) {
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let module = module_of(file.strip_prefix(root).unwrap_or(&file));
        let mut is_test = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else if let Some(name) = function(line) {
                if is_test {
                    tests.entry(name.to_owned()).or_default().push(format!("{module}::{name}"));
                }
                is_test = false;
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

/// The path of a file's module: `crates/shop/system/tests/saga/paths.rs` is `shop::saga::paths`.
fn module_of(file: &Path) -> String {
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    let split = parts.iter().position(|part| matches!(*part, "src" | "tests")).unwrap_or(0);
    // The package in a folder `system` has the name of the folder above.
    let package = parts[..split].iter().rev().find(|part| **part != "system");
    let inside = parts[split + 1..].iter().map(|part| part.trim_end_matches(".rs"));
    let inside = inside.map(|part| part.trim_end_matches("_tests"));
    let inside = inside.filter(|part| !matches!(*part, "main" | "lib" | "mod"));
    let all = package.copied().into_iter().chain(inside).chain(["tests"]);
    let mut module = all.map(|part| part.replace('-', "_")).collect::<Vec<_>>();
    if parts.get(split) == Some(&"tests") {
        module.pop();
    }
    module.join("::")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(paths: &[&str]) -> Tests {
        let mut tests = Tests::new();
        for path in paths {
            let name = path.rsplit("::").next().unwrap_or(path).to_owned();
            tests.entry(name).or_default().push((*path).to_owned());
        }
        tests
    }

    #[test]
    fn a_row_names_its_tests_or_says_why_it_has_none() {
        let tests = known(&["ballet::engine::steps::t01_it_arrives"]);
        let page = "- **T01** a: `engine::steps::t01_it_arrives`\n- **T02** b (not offered: no)\n\
                    - **T03 to T231** c (open: nobody wrote it)\n";
        assert_eq!(mismatches(page, &tests), [""; 0]);
        for silent in ["(some day)", "is not offered: now"] {
            let silent = page.replace("(not offered: no)", silent);
            assert_eq!(mismatches(&silent, &tests), ["T02 names no test, and does not say why"]);
        }
    }

    #[test]
    fn mismatches_are_named() {
        let tests = known(&["ballet::engine::steps::t02_it_stays"]);
        let page = "- **T01, T03 to T4** a: b\n- **T01** a: `x::t01_gone`\n- **T01** a (open: no)";
        let said = mismatches(page, &tests).join("\n");
        assert!(said.contains("T01 names x::t01_gone"), "{said}");
        assert!(said.contains("T02 does not name ballet::engine::steps::t02_it_stays"), "{said}");
        assert!(said.contains("T01 has two rows"), "{said}");
        assert!(said.contains("T231 is missing"), "{said}");
    }

    #[test]
    fn what_a_page_cites_has_to_exist() {
        let tests = known(&["ballet::engine::steps::it_is_not_done_twice"]);
        let page = "| once | `it_is_not_done_twice`, `it_is_done_in_order`, T01, T09 |\n";
        let wrong: Vec<String> = missing_citations(page, &BTreeSet::from([1]), &tests).collect();
        assert_eq!(
            wrong,
            [
                "names it_is_done_in_order: no such test",
                "names T09: no such row in docs/conformance.md"
            ]
        );
    }

    #[test]
    fn modules_have_the_paths_that_cargo_prints() {
        let module = |path: &str| module_of(Path::new(path));
        assert_eq!(module("crates/shop/system/tests/saga/paths.rs"), "shop::saga::paths");
        assert_eq!(module("crates/ballet-tests/tests/engine/main.rs"), "ballet_tests::engine");
        assert_eq!(module("crates/ballet-core/src/id.rs"), "ballet_core::id::tests");
        assert_eq!(
            module("crates/ballet-tests/tests/compile_fail.rs"),
            "ballet_tests::compile_fail"
        );
    }
}
