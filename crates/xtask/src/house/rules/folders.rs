//! Folders are layers: the arrows between a folder and what lies beside it go one way.

use std::collections::{BTreeMap, BTreeSet};

use super::words;
use crate::house::arrows::{Arrows, Names};
use crate::house::finding::{Finding, Rule};
use crate::house::graph::Graph;

/// The arrows between files that lie behind an arrow between two neighbours.
type Behind<'a> = Vec<(&'a str, &'a str, &'a Names)>;

pub(in crate::house) fn folders(arrows: &Arrows) -> Vec<Finding> {
    let folders = all_folders(arrows);
    folders.iter().flat_map(|folder| inside(folder, &folders, arrows)).collect()
}

/// All folders that have files, and those above them; the paths end with `/`.
fn all_folders(arrows: &Arrows) -> BTreeSet<String> {
    let slashes = |file: &'_ String| -> Vec<String> {
        file.match_indices('/').map(|(at, _)| file[..=at].to_owned()).collect()
    };
    arrows.files.iter().flat_map(slashes).collect()
}

fn inside(folder: &str, folders: &BTreeSet<String>, arrows: &Arrows) -> Vec<Finding> {
    let mut between: BTreeMap<(String, String), Behind<'_>> = BTreeMap::new();
    for ((from, to), names) in &arrows.all {
        let units = unit(folder, from, folders).zip(unit(folder, to, folders));
        if let Some(units) = units.filter(|(from, to)| from != to) {
            between.entry(units).or_default().push((from, to, names));
        }
    }
    let units: BTreeSet<&String> = between.keys().flat_map(|(from, to)| [from, to]).collect();
    let units: Vec<&String> = units.into_iter().collect();
    let number: BTreeMap<&String, usize> =
        units.iter().enumerate().map(|(number, &unit)| (unit, number)).collect();
    let price = |((from, to), behind): (&(String, String), &Behind<'_>)| {
        let names = behind.iter().map(|(_, _, names)| names.len()).sum();
        ((number[from], number[to]), names)
    };
    let graph = Graph::new(between.iter().map(price).collect());
    let mut findings = Vec::new();
    for component in graph.components() {
        // Files alone are the other rule's.
        if !component.iter().any(|&unit| units[unit].ends_with('/')) {
            continue;
        }
        let names: Vec<&str> = component.iter().map(|&unit| units[unit].as_str()).collect();
        let mut lines = vec![format!("{} in a circle: {}", names.len(), names.join(", "))];
        let behind = |from: usize, to: usize| {
            let pair = (units[from].clone(), units[to].clone());
            between.get(&pair).into_iter().flatten()
        };
        let circle = graph.shortest_circle(&component);
        lines.push("  the shortest way round:".to_owned());
        for (&from, &to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            lines.push(format!("    {} -> {}", units[from], units[to]));
            lines.extend(
                behind(from, to)
                    .map(|(a, b, names)| format!("      {}", words::takes(a, b, names))),
            );
        }
        let cuts = graph.cuts(&component);
        let arrows = words::several(cuts.len(), "arrow", "arrows");
        lines.push(format!("  the cheapest way to open it, by {arrows}:"));
        for (from, to) in cuts {
            lines.push(format!("    {} -> {}", units[from], units[to]));
            lines.extend(
                behind(from, to).map(|(a, b, names)| format!("      {}", words::cut(a, b, names))),
            );
        }
        findings.push(Finding { rule: Rule::Folders, text: lines.join("\n") });
    }
    findings
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
