//! `cargo xtask house`: reads all packages, and prints what is wrong with each.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Result, anyhow, bail};
use ballet_terminal::{Cell, Table, columns};

use crate::house::disk::{self, OnDisk};
use crate::house::finding::{Finding, Rule};
use crate::house::judge::{Judged, judge};
use crate::process::cargo;
use ballet_terminal::ui;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Look at another checkout.
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// Look at these packages only.
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut packages = disk::packages(&args.root.clone().unwrap_or_else(cargo::root))?;
    for name in &args.packages {
        if !packages.iter().any(|one| one.package.name == *name) {
            bail!("the workspace has no package {name}");
        }
    }
    packages.retain(|one| args.packages.is_empty() || args.packages.contains(&one.package.name));
    let mut judged = Vec::new();
    let mut wrong = 0;
    for (OnDisk { package, .. }, result) in packages.iter().zip(judge_all(&packages)) {
        let one = result.unwrap_or_else(|error| {
            wrong += 1;
            ui::print(&format!("{} {}: cannot be read: {error:#}\n", ui::red("✗"), package.name));
            Judged::default()
        });
        judged.push(one);
    }
    for (OnDisk { package, .. }, Judged { findings, .. }) in packages.iter().zip(&judged) {
        wrong += findings.len();
        show(&package.name, findings);
    }
    let files: usize = judged.iter().map(|one| one.files).sum();
    let whole = format!("{} packages, {files} files", packages.len());
    if wrong == 0 {
        ui::print(&format!("{whole}: the house is in order"));
        return Ok(ExitCode::SUCCESS);
    }
    table(&packages, &judged);
    ui::print(&format!("{whole}: {wrong} findings"));
    Ok(ExitCode::FAILURE)
}

/// The findings of a package, below the rules that they break.
fn show(package: &str, findings: &[Finding]) {
    for rule in Rule::ALL {
        let of_rule: Vec<_> = findings.iter().filter(|one| one.rule == rule).collect();
        if of_rule.is_empty() {
            continue;
        }
        let head = ui::bold(&format!("{package}: {}", rule.law()));
        ui::print(&format!("{} {head}", ui::red("✗")));
        for finding in of_rule {
            ui::print(&format!("  {}", finding.text.replace('\n', "\n  ")));
        }
        ui::print("");
    }
}

/// Parsing takes nearly all of the time, so every package has a thread.
fn judge_all(packages: &[OnDisk]) -> Vec<Result<Judged>> {
    thread::scope(|scope| {
        let all: Vec<_> =
            packages.iter().map(|one| scope.spawn(|| judge(&one.package, &one.sources))).collect();
        all.into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(anyhow!("the thread panicked"))))
            .collect()
    })
}

/// The packages that have findings, and how many of each rule.
fn table(packages: &[OnDisk], judged: &[Judged]) {
    let header = ["package", "files"].into_iter().chain(Rule::ALL.map(Rule::short));
    let mut table = Table::new(header).right(1..=1 + Rule::ALL.len());
    for (OnDisk { package, .. }, judged) in packages.iter().zip(judged) {
        if judged.findings.is_empty() {
            continue;
        }
        let count = |rule| judged.findings.iter().filter(|one| one.rule == rule).count();
        let counts = [judged.files].into_iter().chain(Rule::ALL.map(count));
        let counts = counts.map(|count| Cell::from(count.to_string()));
        table.row([Cell::from(&package.name)].into_iter().chain(counts));
    }
    ui::print(&table.draw(columns()));
}
