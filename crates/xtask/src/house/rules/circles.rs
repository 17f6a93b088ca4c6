//! Circles among files and among folders: the members, and the shortest way round.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::arrows::{Arrows, NameLines};
use crate::house::finding::{Finding, Rule};
use crate::house::graph::Graph;

/// The number of names that are shown for an arrow.
const SHOWN: usize = 8;

/// The file that takes the names, the file that defines them, and the names.
type FileArrow<'a> = (&'a str, &'a str, &'a NameLines);

/// Arrows between files or folders, each with the file arrows that it consists of.
type GroupedArrows<'a> = BTreeMap<(String, String), Vec<FileArrow<'a>>>;

/// Checks that no two files import each other, over any number of steps.
pub(in crate::house) fn files(arrows: &Arrows) -> Vec<Finding> {
    let between: GroupedArrows<'_> = arrows
        .all
        .iter()
        .map(|(pair, names)| (pair.clone(), vec![(&*pair.0, &*pair.1, names)]))
        .collect();
    circles(&between, Rule::Files, |_| true)
}

/// Checks that folders are layers: the arrows between a folder and its neighbours go one way.
pub(in crate::house) fn folders(arrows: &Arrows) -> Vec<Finding> {
    let folders = all_folders(arrows);
    folders.iter().flat_map(|folder| inside(folder, &folders, arrows)).collect()
}

/// The folders that have files, and their parents. The paths end with `/`.
fn all_folders(arrows: &Arrows) -> BTreeSet<String> {
    let slashes = |file: &String| -> Vec<String> {
        file.match_indices('/').map(|(at, _)| file[..=at].to_owned()).collect()
    };
    arrows.files.iter().flat_map(slashes).collect()
}

fn inside(folder: &str, folders: &BTreeSet<String>, arrows: &Arrows) -> Vec<Finding> {
    let mut between = GroupedArrows::new();
    for ((from, to), names) in &arrows.all {
        let units = unit(folder, from, folders).zip(unit(folder, to, folders));
        if let Some(units) = units.filter(|(from, to)| from != to) {
            between.entry(units).or_default().push((from, to, names));
        }
    }
    // Circles of files alone belong to the other rule.
    circles(&between, Rule::Folders, |unit| unit.ends_with('/'))
}

/// The child of a folder that a file belongs to: a folder, or the file itself. `x.rs` belongs to `x/`, if that exists,
/// as its face.
fn unit(folder: &str, file: &str, folders: &BTreeSet<String>) -> Option<String> {
    let rest = file.strip_prefix(folder)?;
    if let Some((child, _)) = rest.split_once('/') {
        return Some(format!("{folder}{child}/"));
    }
    let own = format!("{}/", file.trim_end_matches(".rs"));
    Some(if folders.contains(&own) { own } else { file.to_owned() })
}

/// A finding for each circle with a member of interest.
fn circles(
    between: &GroupedArrows<'_>,
    rule: Rule,
    of_interest: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let units: BTreeSet<&String> = between.keys().flat_map(|(from, to)| [from, to]).collect();
    let units: Vec<&String> = units.into_iter().collect();
    let number: BTreeMap<&String, usize> =
        units.iter().enumerate().map(|(number, &unit)| (unit, number)).collect();
    let arrows = between.keys().map(|(from, to)| (number[from], number[to]));
    let graph = Graph::new(arrows.collect());
    let mut findings = Vec::new();
    for component in graph.components() {
        let members: Vec<&str> = component.iter().map(|&unit| units[unit].as_str()).collect();
        if !members.iter().any(|unit| of_interest(unit)) {
            continue;
        }
        let circle = graph.shortest_circle(&component);
        let steps = circle.iter().zip(circle.iter().cycle().skip(1));
        let mut lines = vec![format!("{} in a circle: {}", members.len(), members.join(", "))];
        lines.push("  the shortest way round:".to_owned());
        lines.extend(steps.flat_map(|(&from, &to)| {
            let pair = (units[from].clone(), units[to].clone());
            describe(&pair, between.get(&pair).map(Vec::as_slice).unwrap_or_default())
        }));
        findings.push(Finding { rule, text: lines.join("\n") });
    }
    findings
}

/// The lines that describe an arrow: one line for an arrow between files, else one more per file arrow.
fn describe((from, to): &(String, String), behind: &[FileArrow<'_>]) -> Vec<String> {
    if let [arrow] = behind
        && arrow.0 == from
        && arrow.1 == to
    {
        return vec![format!("    {}", arrow_line(*arrow))];
    }
    let below = behind.iter().map(|arrow| format!("      {}", arrow_line(*arrow)));
    [format!("    {from} -> {to}")].into_iter().chain(below).collect()
}

fn arrow_line((from, to, names): FileArrow<'_>) -> String {
    format!("{from}:{} takes {} from {to}", line(names), list(names))
}

/// The first line that uses one of the names.
fn line(names: &NameLines) -> usize {
    names.values().copied().min().unwrap_or_default()
}

fn list(names: &NameLines) -> String {
    let mut shown: Vec<String> = names.keys().take(SHOWN).map(|name| format!("`{name}`")).collect();
    if names.len() > SHOWN {
        shown.push(format!("{} more", names.len() - SHOWN));
    }
    shown.join(", ")
}
