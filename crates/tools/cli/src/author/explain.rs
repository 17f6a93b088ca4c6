//! `ballet explain`: the rules of `ballet check`, why they matter, and what to do.

use anyhow::Result;
use ballet::core::rules::catalogue::{self, Rule};
use ballet_ops::terminal::{Cell, Table};
use serde_json::{Value, json};

use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet explain B055
  ballet explain                 all rules";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The rule's id; without one all are listed
    id: Option<String>,
}

pub(crate) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let Some(id) = &args.id else {
        let rules: Vec<&Rule> = catalogue::all().collect();
        let cells = |rule: &&Rule| [rule.id, rule.kind.level(), rule.says].map(Cell::from);
        let table = Table::new(["id", "level", "rule"]);
        ui::list(options.output, &rules, |rule| row(rule), "", table, cells);
        return Ok(ExitStatus::All);
    };
    let rule = catalogue::find(id).ok_or_else(|| {
        usage(format!("there is no rule {id}: `{} explain` lists all", ui::ballet()))
    })?;
    if options.output == Output::Table {
        ui::print(&format!("{} {}: {}", rule.id, rule.kind.level(), rule.says));
        ui::print(&format!("\n{}\n\n{}", rule.why, rule.advice));
        if rule.kind.has_exceptions() {
            ui::print(&format!(
                "\nIf it does not matter here, say so in #[service(..)]: excepts({}(\"NAME\") = \"the reason\")",
                rule.id
            ));
        }
    } else {
        ui::print_json(options.output, [row(rule)]);
    }
    Ok(ExitStatus::All)
}

/// The row of a rule in JSON.
pub(crate) fn row(rule: &Rule) -> Value {
    json!({
        "id": rule.id,
        "level": rule.kind.level(),
        "rule": rule.says,
        "why": rule.why,
        "advice": rule.advice,
        "exceptions": rule.kind.has_exceptions(),
    })
}
