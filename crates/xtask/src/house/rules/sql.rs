//! SQL on the schema `ballet` is the store's.

use std::collections::BTreeSet;

use crate::house::finding::{Finding, Rule};
use crate::house::read::Sources;

/// The crate that owns the schema.
const OWNER: &str = "ballet-store";
/// What stands before a table's name in SQL.
const BEFORE: [&str; 7] = ["from", "into", "join", "update", "table", "using", "truncate"];
/// Functions of the schema, as SQL calls them.
const CALLS: [&str; 2] = ["now()", "outbox()"];

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
    }
    findings
}

/// Whether a line of code has a table of the schema where SQL has one, or calls a function of it.
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
