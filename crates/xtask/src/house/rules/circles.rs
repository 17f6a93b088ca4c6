//! The circles among files or folders, in words: who is in one, and the shortest way round.

use std::collections::{BTreeMap, BTreeSet};

use super::words::{FileArrow, takes};
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

/// An arrow in lines: one between files in one, others with all that lie behind them.
fn describe((from, to): &(String, String), behind: &[FileArrow<'_>]) -> Vec<String> {
    if let [arrow] = behind
        && arrow.0 == from
        && arrow.1 == to
    {
        return vec![format!("    {}", takes(*arrow))];
    }
    let below = behind.iter().map(|arrow| format!("      {}", takes(*arrow)));
    [format!("    {from} -> {to}")].into_iter().chain(below).collect()
}
