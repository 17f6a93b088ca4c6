//! `ballet contract diff`: a gate for releases.

use std::path::PathBuf;

use anyhow::Result;
use ballet_check::Contracts;
use ballet_check::diff::{ContractChange, changes};
use ballet_ops::terminal::{Cell, Table};
use ballet_ops::words::counted;
use console::Style;
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, unusable};
use crate::base::options::GlobalOptions;
use crate::base::systems::require_resolved;
use crate::base::ui::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet contract diff /tmp/before/shop docs/contracts/shop
  ballet contract diff -o json before after | jq '.[].breaks'

The readers and publishers are the services of the two folders. Exit code 3: something breaks.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder with the contracts as they were
    old: PathBuf,
    /// The folder with the contracts as they are to be
    new: PathBuf,
}

pub(super) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let [old, new] = [&args.old, &args.new].map(|folder| Contracts::read(folder));
    // The new contracts fix a broken reference in the old ones.
    let (old, new) = (old.map_err(unusable)?, new.map_err(unusable)?);
    let found = changes(&old, require_resolved(&new)?);
    show(&found, options);
    Ok(if found.is_empty() { ExitStatus::All } else { ExitStatus::Different })
}

fn show(found: &[ContractChange], options: &GlobalOptions) {
    if options.output != Output::Table {
        ui::print_json(options.output, found.iter().map(row));
        return;
    }
    let mut table = Table::new(["breaks", "changed", "what"]);
    for change in found {
        table.row([
            Cell::from(change.breaks.join(", ")).styled(Style::new().red()),
            Cell::from(&change.subject),
            Cell::from(advice_on(change)),
        ]);
    }
    match found.len() {
        0 => ui::print("nothing breaks"),
        number => {
            ui::show(&table);
            ui::say(&counted(number, "breaking change"));
        }
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
        "rule": change.rule,
        "subject": change.subject,
        "field": change.field,
        "service": change.service,
        "breaks": change.breaks,
        "what": change.what,
        "instead": change.advice,
    })
}
