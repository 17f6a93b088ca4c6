//! `cargo xtask house`: reads the packages, and prints the findings of each.

use std::process::ExitCode;
use std::thread;

use anyhow::{Result, anyhow, bail};

use crate::house::disk::{self, PackageSources};
use crate::house::finding::{Finding, Rule};
use crate::house::judge::{PackageFindings, judge};
use ballet_terminal::ui;

#[derive(Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// Look at these packages only.
    #[arg(short, long = "package", value_name = "NAME")]
    packages: Vec<String>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let mut packages = disk::packages()?;
    for name in &args.packages {
        if !packages.iter().any(|one| one.package.name == *name) {
            bail!("the workspace has no package {name}");
        }
    }
    packages.retain(|one| args.packages.is_empty() || args.packages.contains(&one.package.name));
    let (mut files, mut wrong) = (0, 0);
    for (PackageSources { package, .. }, judged) in packages.iter().zip(judge_all(&packages)) {
        match judged {
            Ok(judged) => {
                files += judged.files;
                wrong += judged.findings.len();
                show(&package.name, &judged.findings);
            }
            Err(error) => {
                wrong += 1;
                let name = &package.name;
                ui::print(&format!("{} {name}: cannot be read: {error:#}\n", ui::red("✗")));
            }
        }
    }
    let whole = format!("{} packages, {files} files", packages.len());
    if wrong == 0 {
        ui::print(&format!("{whole}: the house is in order"));
        return Ok(ExitCode::SUCCESS);
    }
    ui::print(&format!("{whole}: {wrong} findings"));
    Ok(ExitCode::FAILURE)
}

/// Prints the findings of a package, grouped by rule.
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

/// Judges each package on a thread of its own: parsing takes nearly all of the time.
fn judge_all(packages: &[PackageSources]) -> Vec<Result<PackageFindings>> {
    thread::scope(|scope| {
        let all: Vec<_> =
            packages.iter().map(|one| scope.spawn(|| judge(&one.package, &one.sources))).collect();
        all.into_iter()
            .map(|one| one.join().unwrap_or_else(|_| Err(anyhow!("the thread panicked"))))
            .collect()
    })
}
