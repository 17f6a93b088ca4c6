//! A file begins with `//!`, which says what lives there.

use std::collections::BTreeSet;

use crate::house::finding::{Finding, Rule};
use crate::house::read::Sources;

pub(in crate::house) fn headers(files: &BTreeSet<String>, sources: &Sources) -> Vec<Finding> {
    let bare = files.iter().filter(|&file| {
        sources.get(file).is_none_or(|text| !text.trim_start_matches('\u{feff}').starts_with("//!"))
    });
    let text =
        |file: &String| format!("{file} says nothing of itself: begin it with a line `//! ...`");
    bare.map(|file| Finding { rule: Rule::Headers, text: text(file) }).collect()
}
