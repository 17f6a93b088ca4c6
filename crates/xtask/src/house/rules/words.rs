//! The words for an arrow between two files.

use crate::house::arrows::Names;

/// The number of names that are shown of an arrow.
const SHOWN: usize = 8;

/// The file that takes, the file that defines, and the names.
pub(super) type FileArrow<'a> = (&'a str, &'a str, &'a Names);

pub(super) fn takes((from, to, names): FileArrow<'_>) -> String {
    format!("{from}:{} takes {} from {to}", line(names), list(names))
}

/// Where the first of them is used.
fn line(names: &Names) -> usize {
    names.values().copied().min().unwrap_or_default()
}

fn list(names: &Names) -> String {
    let mut shown: Vec<String> = names.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
