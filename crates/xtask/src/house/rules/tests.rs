//! A target whose manifest says `test = false` costs no test program, so it may have no tests: nobody would
//! run them.

use crate::house::finding::{Finding, Rule};
use crate::house::read::Sources;

/// `without` are the files that such targets begin with, among those of all targets.
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

/// A program's file is its own; a library has all others of its folder.
fn belongs(file: &str, root: &str, roots: &[String]) -> bool {
    let folder = root.strip_suffix("lib.rs");
    let in_library = folder.is_some_and(|folder| file.starts_with(folder));
    file == root || (in_library && !roots.iter().any(|other| other == file))
}
