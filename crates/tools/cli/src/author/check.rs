//! `ballet check`: checks the contracts of all services of a system together.

use anyhow::Result;
use ballet::core::Problem;
use ballet::core::rules::catalogue;
use ballet_check::{Contracts, ContractsError, sarif};
use serde_json::{Value, json};

use crate::author::explain;
use crate::base::exit::{ExitStatus, unusable};
use crate::base::options::GlobalOptions;
use crate::base::systems;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet check
  ballet check -o json | jq '.[] | select(.level == \"error\")'
  ballet check --sarif > check.sarif     for a code host, which shows it beside a change

Notes fail nothing: they depend on code that no contract shows.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print SARIF 2.1.0
    #[arg(long)]
    sarif: bool,
}

pub(crate) fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let folder = systems::folder(options.contracts.as_deref())?;
    let (contracts, unreadable) = Contracts::readable(&folder).map_err(unusable)?;
    let unreadable: Vec<Problem> = unreadable.into_iter().map(unread).collect();
    let (problems, notes) = (contracts.problems(), contracts.notes());
    let done = match (problems.len(), unreadable.len()) {
        (0, 0) => ExitStatus::All,
        (0, _) if !contracts.system().parts.is_empty() => ExitStatus::Partly,
        _ => ExitStatus::Failed,
    };
    let (broken, wrong) = (problems.len(), unreadable.len());
    let all = [unreadable, problems, notes].concat();
    if args.sarif {
        ui::raw(&sarif::log(&all, contracts.folder()).to_string());
    } else if options.output == Output::Table {
        show(&contracts, &all, broken, wrong);
    } else {
        ui::print_json(options.output, all.iter().map(row));
    }
    Ok(done)
}

fn unread(error: ContractsError) -> Problem {
    let service = error.place().file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let detail = format!("{:#}", anyhow::Error::from(error));
    Problem { rule: &catalogue::READABLE, service, of: String::new(), detail }
}

fn row(Problem { rule, service, of, detail }: &Problem) -> Value {
    let mut row = explain::row(rule);
    for (name, text) in [("service", service), ("of", of), ("detail", detail)] {
        row[name] = json!(text);
    }
    row
}

/// `broken` of the problems are broken rules, and `wrong` are files that cannot be read.
fn show(contracts: &Contracts, all: &[Problem], broken: usize, wrong: usize) {
    for (at, Problem { rule, detail, .. }) in all.iter().enumerate() {
        let says = format!("{} {}", rule.id, rule.says);
        if at < broken + wrong {
            ui::print(&format!("{}: {detail}", ui::red(&says)));
        } else {
            ui::print(&format!("{} {says}: {detail}", ui::yellow("note")));
        }
    }
    let system = contracts.system();
    let services = match &system.parts[..] {
        [part] => format!("its service {}", part.service),
        parts => format!("its {} services", parts.len()),
    };
    let (name, events) = (system.name, system.known_types().len());
    let rules = match broken {
        1 => "1 rule is broken".to_owned(),
        number => format!("{number} rules are broken"),
    };
    match (broken, wrong) {
        (0, 0) => ui::print(&format!("{name} is sound: {services}, {events} events")),
        (_, 0) => ui::say(&format!("{name}: {rules}")),
        (0, _) => ui::say(&format!("{name}: the other contracts break no rule")),
        (_, _) => ui::say(&format!(
            "{name}: among the other contracts {rules}, perhaps because of what could not be read"
        )),
    }
    if !all.is_empty() {
        ui::say(&format!("`{} explain ID` says why, and what to do", ui::ballet()));
    }
}
