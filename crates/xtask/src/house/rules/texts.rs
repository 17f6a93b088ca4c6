//! Rules on the text of a file: its header, and whose SQL, files and tests it contains.

use std::collections::BTreeSet;

use crate::house::finding::{Finding, Rule};
use crate::house::read::{Sources, join};

/// The crate that owns the schema.
const OWNER: &str = "ballet-store";
/// The words that precede a table's name in SQL.
const BEFORE: [&str; 7] = ["from", "into", "join", "update", "table", "using", "truncate"];
/// Functions of the schema, as SQL calls them.
const CALLS: [&str; 2] = ["now()", "outbox()"];

/// Checks that a file begins with `//!`, which says what lives there.
pub(in crate::house) fn headers(files: &BTreeSet<String>, sources: &Sources) -> Vec<Finding> {
    let bare = files.iter().filter(|&file| {
        sources.get(file).is_none_or(|text| !text.trim_start_matches('\u{feff}').starts_with("//!"))
    });
    let text =
        |file: &String| format!("{file} says nothing of itself: begin it with a line `//! ...`");
    bare.map(|file| Finding { rule: Rule::Headers, text: text(file) }).collect()
}

/// Checks that no doc begins with a clause ("What a token must have") where its subject belongs ("The claims of a
/// token").
pub(in crate::house) fn docs(sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in sources {
        let mut before = None;
        for (at, line) in text.lines().map(doc).enumerate() {
            if let Some((kind, text)) = line {
                let goes_on =
                    before.is_some_and(|(of, text): (&str, &str)| of == kind && !text.is_empty());
                if !goes_on && (text.starts_with("What ") || text.starts_with("Whoever ")) {
                    let text =
                        format!("{file}:{} `{text}`: begin with the subject or a verb", at + 1);
                    findings.push(Finding { rule: Rule::Docs, text });
                }
            }
            before = line;
        }
    }
    findings
}

/// Returns the kind of a line of a doc comment, and its text.
fn doc(line: &str) -> Option<(&str, &str)> {
    let (kind, text) = line.trim_start().split_at_checked(3)?;
    matches!(kind, "///" | "//!").then(|| (kind, text.trim()))
}

/// Checks that only the store has SQL on the schema `ballet`, and that no file with handlers asks a database for the
/// time, also in a doc.
pub(in crate::house) fn sql(
    package: &str,
    files: &BTreeSet<String>,
    sources: &Sources,
) -> Vec<Finding> {
    if package == OWNER {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for file in files {
        let text = sources.get(file).map_or("", String::as_str);
        for (at, line) in text.lines().enumerate().filter(|(_, line)| is_sql(line)) {
            let text = format!("{file}:{} `{}`: ask a function of {OWNER}", at + 1, line.trim());
            findings.push(Finding { rule: Rule::Sql, text });
        }
        let handles = text.contains("Tx<'") && !file.contains("tests/");
        for (at, line) in text.lines().enumerate().filter(|(_, line)| handles && asks_time(line)) {
            let text = format!("{file}:{} `{}`: bind `tx.now()`", at + 1, line.trim());
            findings.push(Finding { rule: Rule::Sql, text });
        }
    }
    findings
}

/// Whether a line has SQL that asks the database for the time.
fn asks_time(line: &str) -> bool {
    let before = ["(", ", ", "= ", "< ", "> ", "from ", "select "];
    line.match_indices(CALLS[0]).any(|(at, _)| before.iter().any(|sql| line[..at].ends_with(sql)))
}

/// Whether a line of code names a table of the schema as SQL does, or calls one of its functions.
fn is_sql(line: &str) -> bool {
    !line.trim_start().starts_with("//")
        && line.match_indices("ballet.").any(|(at, found)| {
            let (before, after) = (&line[..at], &line[at + found.len()..]);
            let words = before.strip_suffix(' ').unwrap_or_default();
            let word = words.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            let name = after.trim_start_matches(|c: char| c.is_ascii_lowercase() || c == '_');
            BEFORE.contains(&&*word.to_ascii_lowercase())
                || CALLS.iter().any(|call| after.starts_with(call))
                || name.starts_with("'::regclass")
        })
}

/// Checks that a package uses only files of its own folder. Files that two packages share are a package, too.
pub(in crate::house) fn paths(folder: &str, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in sources {
        for (at, line) in text.lines().enumerate() {
            let Some(path) = line.trim().strip_prefix("#[path = \"") else { continue };
            let path = path.trim_end_matches("\"]");
            let beside = file.rsplit_once('/').map_or("", |(folder, _)| folder);
            let place = join(beside, path);
            if !place.starts_with(&format!("{folder}/")) {
                let text =
                    format!("{file}:{} {place} is another package's: make it a package", at + 1);
                findings.push(Finding { rule: Rule::Paths, text });
            }
        }
    }
    findings
}

/// Checks that targets with `test = false` have no tests, since nobody would run them. `without` holds the root files
/// of these targets, a subset of `roots`.
pub(in crate::house) fn tests(
    without: &[String],
    roots: &[String],
    sources: &Sources,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (file, text) in sources {
        let Some(root) = without.iter().find(|root| belongs(file, root, roots)) else { continue };
        for (at, line) in text.lines().enumerate() {
            let line = line.trim_start();
            if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
                let text = format!(
                    "{file}:{} is a test that does not run: {root} is built with `test = false`",
                    at + 1
                );
                findings.push(Finding { rule: Rule::Tests, text });
            }
        }
    }
    findings
}

/// Whether a file belongs to a target: a program is its root file alone, a library is all other files of the folder.
fn belongs(file: &str, root: &str, roots: &[String]) -> bool {
    let folder = root.strip_suffix("lib.rs");
    let in_library = folder.is_some_and(|folder| file.starts_with(folder));
    file == root || (in_library && !roots.iter().any(|other| other == file))
}
