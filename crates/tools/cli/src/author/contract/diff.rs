//! `ballet contract diff`: a gate for releases.

use std::path::PathBuf;

use anyhow::Result;
use ballet_check::Contracts;
use ballet_check::diff::{ContractChange, Diff};
use ballet_ops::terminal::{Cell, Table};
use console::Style;
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, unusable, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::require_resolved;
use crate::base::ui::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet contract diff /tmp/before/shop docs/contracts/shop
  ballet contract diff orders-before.json orders.json
  ballet contract diff -o json before after | jq '.[] | select(.breaking)'

For two folders, the readers and publishers are the services in them. For two files, every field that the
service writes counts as read. Exit code 3: something breaks.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The contracts as they were: a folder, or the file of one service
    old: PathBuf,
    /// The contracts as they are to be
    new: PathBuf,
}

pub(super) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    // The new contracts fix a broken reference in the old ones.
    let diff = match (args.old.is_dir(), args.new.is_dir()) {
        (true, true) => {
            let old = Contracts::read(&args.old).map_err(unusable)?;
            let new = Contracts::read(&args.new).map_err(unusable)?;
            Diff::of_systems(&old, require_resolved(&new)?)
        }
        (false, false) => {
            let old = Contracts::read_file(&args.old).map_err(unusable)?;
            let new = Contracts::read_file(&args.new).map_err(unusable)?;
            if old.system().name != new.system().name {
                return Err(usage(format!(
                    "{} is the contract of {}, and {} that of {}: name two versions of one contract",
                    args.old.display(),
                    old.system().name,
                    args.new.display(),
                    new.system().name
                )));
            }
            Diff::of_services(&old, require_resolved(&new)?)
        }
        _ => return Err(usage("name two folders, or two files")),
    };
    show(&diff, options);
    Ok(if diff.breaking.is_empty() { ExitStatus::All } else { ExitStatus::Different })
}

fn show(diff: &Diff, options: &GlobalOptions) {
    if options.output != Output::Table {
        let all = diff.breaking.iter().chain(&diff.compatible);
        ui::print_json(options.output, all.map(row));
        return;
    }
    if !diff.breaking.is_empty() {
        let mut table = Table::new(["breaks", "changed", "what"]);
        for change in &diff.breaking {
            table.row([
                Cell::from(change.breaks.join(", ")).styled(Style::new().red()),
                Cell::from(&change.subject),
                Cell::from(advice_on(change)),
            ]);
        }
        ui::show(&table);
    }
    for change in &diff.compatible {
        ui::print(&format!("{} {}: {}", ui::green("compatible"), change.subject, change.what));
    }
    match (diff.breaking.len(), diff.compatible.len()) {
        (0, 0) => ui::print("nothing changed"),
        (0, _) => {}
        (1, _) => ui::say("1 change breaks somebody"),
        (number, _) => ui::say(&format!("{number} changes break somebody")),
    }
}

/// The problem, and what to do instead.
fn advice_on(change: &ContractChange) -> String {
    match change.advice.as_str() {
        "" => change.what.clone(),
        advice => format!("{}. Instead: {advice}", change.what),
    }
}

fn row(change: &ContractChange) -> Value {
    json!({
        "breaking": !change.breaks.is_empty(),
        "rule": change.rule.name(),
        "subject": change.subject,
        "field": change.field,
        "service": change.service,
        "breaks": change.breaks,
        "what": change.what,
        "instead": change.advice,
    })
}
