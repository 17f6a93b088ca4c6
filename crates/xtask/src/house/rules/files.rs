//! No two files import each other, over any number of steps.

use std::collections::BTreeMap;

use super::words;
use crate::house::arrows::{Arrows, Names};
use crate::house::finding::{Finding, Rule};
use crate::house::graph::Graph;

pub(in crate::house) fn files(arrows: &Arrows) -> Vec<Finding> {
    let files: Vec<&String> = arrows.files.iter().collect();
    let number: BTreeMap<&String, usize> =
        files.iter().enumerate().map(|(number, &file)| (file, number)).collect();
    let price = |((from, to), names): (&(String, String), &Names)| {
        ((number[from], number[to]), names.len())
    };
    let graph = Graph::new(arrows.all.iter().map(price).collect());
    let arrow = |from: usize, to: usize| {
        let pair = (files[from].clone(), files[to].clone());
        arrows.all.get(&pair).map(|names| (files[from], files[to], names))
    };
    let mut findings = Vec::new();
    for component in graph.components() {
        let names: Vec<&str> = component.iter().map(|&file| files[file].as_str()).collect();
        let mut lines = vec![format!("{} in a circle: {}", names.len(), names.join(", "))];
        let circle = graph.shortest_circle(&component);
        lines.push("  the shortest way round:".to_owned());
        for (&from, &to) in circle.iter().zip(circle.iter().cycle().skip(1)) {
            lines.extend(
                arrow(from, to).map(|(a, b, names)| format!("    {}", words::takes(a, b, names))),
            );
        }
        let cuts = graph.cuts(&component);
        let arrows = words::several(cuts.len(), "arrow", "arrows");
        lines.push(format!("  the cheapest way to open it, by {arrows}:"));
        for (from, to) in cuts {
            lines.extend(
                arrow(from, to).map(|(a, b, names)| format!("    {}", words::cut(a, b, names))),
            );
        }
        findings.push(Finding { rule: Rule::Files, text: lines.join("\n") });
    }
    findings
}
