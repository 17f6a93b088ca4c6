//! A package has its files in its own folder. What two packages share is a package, too.

use crate::house::finding::{Finding, Rule};
use crate::house::read::{Sources, join};

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
