//! The page of what found which flaws.

use std::fmt::Write as _;

use anyhow::Result;
use serde_json::Value;

use crate::flaws::judged::Judged;

/// Why nothing finds flaws of a kind.
const REASONS: &str = include_str!("reasons.toml");

pub(crate) fn reason(kind: &str) -> Option<String> {
    let reasons: Value = toml::from_str(REASONS).ok()?;
    reasons[kind].as_str().map(str::to_owned)
}

pub(crate) fn page(seed: u64, declarations: &[Judged], handlers: &[Judged]) -> Result<String> {
    let mut page = format!(
        "# Flaws\n\nMade by a machine in the three systems, and what found them. Generated: `cargo xtask flaws --seed {seed} --declarations {} --handlers {}`.\n",
        declarations.len(),
        handlers.len()
    );
    part(&mut page, "Declarations", declarations)?;
    part(&mut page, "Handlers", handlers)?;
    Ok(page)
}

fn part(page: &mut String, title: &str, all: &[Judged]) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    let found = all.iter().filter(|flaw| flaw.by.is_some()).count();
    let longest = all.iter().map(|flaw| flaw.took).max().unwrap_or_default().as_secs_f64();
    writeln!(
        page,
        "\n## {title}\n\n{found} of {} found, each in {longest:.1} s at most.\n",
        all.len()
    )?;
    // Without blanks: the page is for the eye of a browser.
    writeln!(page, "|kind|made|found|by|seconds|\n|---|---|---|---|---|")?;
    let mut kinds: Vec<&str> = all.iter().map(|flaw| flaw.kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let mut missed = String::new();
    for kind in kinds {
        let of: Vec<&Judged> = all.iter().filter(|flaw| flaw.kind == kind).collect();
        let mut by: Vec<String> =
            of.iter().filter_map(|flaw| flaw.by.as_ref()).map(judge).collect();
        let found = by.len();
        by.sort_unstable();
        by.dedup();
        let longest = of.iter().map(|flaw| flaw.took).max().unwrap_or_default().as_secs_f64();
        writeln!(page, "|{kind}|{}|{found}|{}|{longest:.1}|", of.len(), by.join(", "))?;
        let places = of.iter().filter(|flaw| flaw.by.is_none()).map(|flaw| flaw.place.as_str());
        let places = places.collect::<Vec<_>>().join("; ");
        if !places.is_empty() {
            let why = reason(kind).unwrap_or_else(|| "no reason is known".to_owned());
            writeln!(missed, "|{kind}|{places}|{why}|")?;
        }
    }
    if !missed.is_empty() {
        write!(page, "\n|not found|where|why|\n|---|---|---|\n{missed}")?;
    }
    Ok(())
}

/// A rule's id says more than that it was a rule.
fn judge((judge, what): &(String, String)) -> String {
    let is_rule = what.len() == 4 && what.starts_with('B');
    if is_rule { what.clone() } else { judge.clone() }
}
