//! Small crates that break one rule each.

mod circles;
mod others;
mod reading;

use crate::house::finding::Rule;
use crate::house::judge::{Package, judge};
use crate::house::read::Sources;

/// The findings for a crate of these files, with paths below `src/`. Each file gets a header.
fn findings(files: &[(&str, &str)]) -> Vec<(Rule, String)> {
    let with_header =
        |(path, text): &(&str, &str)| (format!("src/{path}"), format!("//! .\n{text}"));
    judged(&files.iter().map(with_header).collect())
}

fn judged(sources: &Sources) -> Vec<(Rule, String)> {
    let package = Package {
        name: "fixture".to_owned(),
        folder: "src".to_owned(),
        roots: vec!["src/lib.rs".to_owned()],
        without_tests: Vec::new(),
    };
    let judged = judge(&package, sources).expect("the fixture is a crate");
    judged.findings.into_iter().map(|one| (one.rule, one.text)).collect()
}

fn texts(files: &[(&str, &str)], rule: Rule) -> Vec<String> {
    let all = findings(files);
    assert!(all.iter().all(|(of, _)| *of == rule), "of other rules too: {all:#?}");
    all.into_iter().map(|(_, text)| text).collect()
}

const NOTHING: [(Rule, String); 0] = [];
