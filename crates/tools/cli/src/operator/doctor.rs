//! `ballet doctor`: examines a system's servers, and says what is wrong and what to do.

use anyhow::Result;
use ballet::core::{Cause, Part};
use ballet_ops::doctor::examine;
use ballet_ops::standing::finding::{Finding, FindingState};
use ballet_ops::terminal::{Cell, Table};
use console::Style;
use serde_json::json;

use crate::base::exit::{ExitStatus, GIVE_DATABASES};
use crate::base::options::GlobalOptions;
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet doctor
  ballet doctor -o jsonl | jq -r 'select(.state == \"bad\") | .do'

The worst findings come first, and a cause before its effects. It changes nothing, and ends within two minutes
even if a server hangs. The user of the management API needs the tag administrator, or some checks remain
open. Exit code 3: something is wrong, or could not be checked.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show problems only
    #[arg(long)]
    quiet: bool,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let findings = findings(options).await?;
    let is_well = findings.iter().all(|finding| !finding.state.needs_somebody());
    show(findings, args, options);
    Ok(if is_well { ExitStatus::All } else { ExitStatus::Different })
}

/// The worst first. A missing database URL is a finding.
async fn findings(options: &GlobalOptions) -> Result<Vec<Finding>> {
    let servers = options.system_servers()?;
    let mut findings = examine(&servers).await;
    if servers.databases.is_empty() {
        let unknown = |part: &Part| {
            let found = "the database's URL is not given";
            Finding::unknown(Cause::Database, part.service, found, GIVE_DATABASES)
        };
        findings.extend(servers.system.parts.iter().map(unknown));
        findings.sort_by_key(Finding::rank);
    }
    Ok(findings)
}

fn show(mut findings: Vec<Finding>, args: &Args, options: &GlobalOptions) {
    let all = findings.len();
    if args.quiet {
        findings.retain(|finding| finding.state != FindingState::Well);
    }
    if options.output != Output::Table {
        let row = |finding: &Finding| {
            json!({ "cause": finding.cause.name(), "subject": finding.subject,
                "state": finding.state.name(), "since": finding.since.map(|at| at.to_string()),
                "found": finding.found, "do": finding.advice })
        };
        ui::print_json(options.output, findings.iter().map(row));
        return;
    }
    let mut table = Table::new(["state", "cause", "of", "since", "found"]).whole();
    let now = options.clock.now();
    for finding in &findings {
        let style = match finding.state {
            FindingState::Well => Style::new().green(),
            FindingState::Warning => Style::new().yellow(),
            FindingState::Bad | FindingState::Unknown => Style::new().red(),
        };
        let found = match finding.advice.as_str() {
            "" => finding.found.clone(),
            advice => format!("{}. Do: {advice}", finding.found),
        };
        table.row([
            Cell::from(finding.state.name()).styled(style),
            Cell::from(finding.cause.name()),
            Cell::from(&finding.subject),
            Cell::from(finding.since.map(|at| format!("{} ago", ui::ago(Some(at), now)))),
            Cell::from(found),
        ]);
    }
    if findings.is_empty() {
        ui::print("all is well");
    } else {
        ui::show(&table);
    }
    let found = |is: fn(FindingState) -> bool| findings.iter().filter(|one| is(one.state)).count();
    let bad = found(FindingState::needs_somebody);
    let warnings = found(|state| state == FindingState::Warning);
    if bad + warnings > 0 {
        let warnings = ui::counted(warnings, "warning");
        ui::say(&format!("of {all} checks: {bad} bad or not possible, {warnings}"));
    }
}
