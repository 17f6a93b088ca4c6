//! The circles among files or folders, in words: who is in one, the shortest way round, and what
//! to move to open it.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{self, FileArrow};
use crate::house::finding::{Finding, Rule};
use crate::house::graph::Graph;

/// Arrows between files or folders, each with the arrows between files that lie behind it.
pub(super) type Between<'a> = BTreeMap<(String, String), Vec<FileArrow<'a>>>;

/// A finding for each circle that has something of interest in it.
pub(super) fn circles(
    between: &Between<'_>,
    rule: Rule,
    of_interest: impl Fn(&str) -> bool,
) -> Vec<Finding> {
    let units: BTreeSet<&String> = between.keys().flat_map(|(from, to)| [from, to]).collect();
    let units: Vec<&String> = units.into_iter().collect();
    let number: BTreeMap<&String, usize> =
        units.iter().enumerate().map(|(number, &unit)| (unit, number)).collect();
    let price = |((from, to), behind): (&(String, String), &Vec<FileArrow<'_>>)| {
        let names = behind.iter().map(|(_, _, names)| names.len()).sum();
        ((number[from], number[to]), names)
    };
    let graph = Graph::new(between.iter().map(price).collect());
    let mut findings = Vec::new();
    for component in graph.components() {
        let members: Vec<&str> = component.iter().map(|&unit| units[unit].as_str()).collect();
        if !members.iter().any(|unit| of_interest(unit)) {
            continue;
        }
        let describe = |(from, to): (usize, usize), words: fn(FileArrow<'_>) -> String| {
            let pair = (units[from].clone(), units[to].clone());
            describe(&pair, between.get(&pair).map(Vec::as_slice).unwrap_or_default(), words)
        };
        let circle = graph.shortest_circle(&component);
        let steps = circle.iter().copied().zip(circle.iter().copied().cycle().skip(1));
        let cuts = graph.cuts(&component);
        let count = match cuts.len() {
            1 => "1 arrow".to_owned(),
            several => format!("{several} arrows"),
        };
        let mut lines = vec![format!("{} in a circle: {}", members.len(), members.join(", "))];
        lines.push("  the shortest way round:".to_owned());
        lines.extend(steps.flat_map(|step| describe(step, words::takes)));
        lines.push(format!("  the cheapest way to open it, by {count}:"));
        lines.extend(cuts.into_iter().flat_map(|cut| describe(cut, words::cut)));
        findings.push(Finding { rule, text: lines.join("\n") });
    }
    findings
}

/// An arrow in lines: one between files in one, others with all that lie behind them.
fn describe(
    (from, to): &(String, String),
    behind: &[FileArrow<'_>],
    words: fn(FileArrow<'_>) -> String,
) -> Vec<String> {
    if let [arrow] = behind
        && arrow.0 == from
        && arrow.1 == to
    {
        return vec![format!("    {}", words(*arrow))];
    }
    let below = behind.iter().map(|arrow| format!("      {}", words(*arrow)));
    [format!("    {from} -> {to}")].into_iter().chain(below).collect()
}
