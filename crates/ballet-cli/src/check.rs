//! `ballet check`: checks the contracts of all services of a system together.

use anyhow::Result;
use serde_json::json;

use crate::exit::Done;
use crate::options::GlobalOptions;
use crate::systems::contracts;
use crate::ui::{self, Output};

pub(crate) fn run(options: &GlobalOptions) -> Result<Done> {
    let contracts = contracts()?;
    let (system, problems) = (contracts.system(), contracts.problems());
    let done = if problems.is_empty() { Done::All } else { Done::Failed };
    if options.output != Output::Table {
        let rows = problems.iter();
        let rows = rows.map(|problem| json!({ "rule": problem.rule, "detail": problem.detail }));
        ui::print_json(options.output, rows.collect());
        return Ok(done);
    }
    for problem in &problems {
        ui::print(&format!("{}: {}", ui::red(problem.rule), problem.detail));
    }
    let services = match &system.parts[..] {
        [part] => format!("its service {}", part.service),
        parts => format!("its {} services", parts.len()),
    };
    let (name, events) = (system.name, system.known_types().len());
    match problems.len() {
        0 => ui::print(&format!("{name} is sound: {services}, {events} events")),
        1 => ui::say(&format!("{name}: 1 rule is broken")),
        number => ui::say(&format!("{name}: {number} rules are broken")),
    }
    Ok(done)
}
