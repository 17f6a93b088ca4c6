//! Folders are layers: the arrows between a folder and what lies beside it go one way.

use std::collections::BTreeSet;

use super::circles::{Between, circles};
use crate::house::arrows::Arrows;
use crate::house::finding::{Finding, Rule};

pub(in crate::house) fn folders(arrows: &Arrows) -> Vec<Finding> {
    let folders = all_folders(arrows);
    folders.iter().flat_map(|folder| inside(folder, &folders, arrows)).collect()
}

/// All folders that have files, and those above them; the paths end with `/`.
fn all_folders(arrows: &Arrows) -> BTreeSet<String> {
    let slashes = |file: &String| -> Vec<String> {
        file.match_indices('/').map(|(at, _)| file[..=at].to_owned()).collect()
    };
    arrows.files.iter().flat_map(slashes).collect()
}

fn inside(folder: &str, folders: &BTreeSet<String>, arrows: &Arrows) -> Vec<Finding> {
    let mut between = Between::new();
    for ((from, to), names) in &arrows.all {
        let units = unit(folder, from, folders).zip(unit(folder, to, folders));
        if let Some(units) = units.filter(|(from, to)| from != to) {
            between.entry(units).or_default().push((from, to, names));
        }
    }
    // Files alone are the other rule's.
    circles(&between, Rule::Folders, |unit| unit.ends_with('/'))
}

/// What a file belongs to among all that lies in a folder: a folder there, or itself. `x.rs` is
/// the face of `x/`, if there is one.
fn unit(folder: &str, file: &str, folders: &BTreeSet<String>) -> Option<String> {
    let rest = file.strip_prefix(folder)?;
    if let Some((child, _)) = rest.split_once('/') {
        return Some(format!("{folder}{child}/"));
    }
    let own = format!("{}/", file.trim_end_matches(".rs"));
    Some(if folders.contains(&own) { own } else { file.to_owned() })
}
