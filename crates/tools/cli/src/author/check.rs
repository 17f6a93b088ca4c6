//! `ballet check`: checks the contracts of all services of a system together.

use anyhow::Result;
use ballet_check::Contracts;
use serde_json::json;

use crate::base::exit::{ExitStatus, unusable};
use crate::base::options::GlobalOptions;
use crate::base::systems;
use crate::base::ui::{self, Output};

/// Broken by an unreadable file.
const READABLE: &str = "a contract can be read";

pub(crate) fn run(options: &GlobalOptions) -> Result<ExitStatus> {
    let folder = systems::folder(options.contracts.as_deref())?;
    let (contracts, unreadable) = Contracts::readable(&folder).map_err(unusable)?;
    let unreadable: Vec<String> =
        unreadable.into_iter().map(|error| format!("{:#}", anyhow::Error::from(error))).collect();
    let (system, problems) = (contracts.system(), contracts.problems());
    let done = match (problems.len(), unreadable.len()) {
        (0, 0) => ExitStatus::All,
        (0, _) if !system.parts.is_empty() => ExitStatus::Partly,
        _ => ExitStatus::Failed,
    };
    let broken = unreadable.iter().map(|detail| (READABLE, detail));
    let broken = broken.chain(problems.iter().map(|problem| (problem.rule, &problem.detail)));
    if options.output != Output::Table {
        let rows = broken.map(|(rule, detail)| json!({ "rule": rule, "detail": detail }));
        ui::print_json(options.output, rows);
        return Ok(done);
    }
    for (rule, detail) in broken {
        ui::print(&format!("{}: {detail}", ui::red(rule)));
    }
    let services = match &system.parts[..] {
        [part] => format!("its service {}", part.service),
        parts => format!("its {} services", parts.len()),
    };
    let (name, events) = (system.name, system.known_types().len());
    let rules = match problems.len() {
        1 => "1 rule is broken".to_owned(),
        number => format!("{number} rules are broken"),
    };
    match (problems.len(), unreadable.len()) {
        (0, 0) => ui::print(&format!("{name} is sound: {services}, {events} events")),
        (_, 0) => ui::say(&format!("{name}: {rules}")),
        (0, _) => ui::say(&format!("{name}: the other contracts break no rule")),
        (_, _) => ui::say(&format!(
            "{name}: among the other contracts {rules}, perhaps because of what could not be read"
        )),
    }
    Ok(done)
}
