//! `ballet doctor`: examines the servers of a system, and says what is wrong and what to do.

mod broker;
mod clock;
mod databases;
mod finding;
mod journal;
mod locks;
mod lost_messages;
mod queues;
mod rights;
mod topology;
mod waiting_sagas;

use anyhow::Result;
use ballet::core::System;
use ballet::core::topology::drift::BrokerObjects;
use ballet_terminal::{Cell, Table};
use console::Style;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::join;

use crate::base::exit::{ExitStatus, error_text};
use crate::base::options::GlobalOptions;
use crate::base::systems::contracts;
use crate::base::ui::{self, Output};
use crate::operator::doctor::finding::{Finding, FindingState};
use crate::operator::topology::management::{self, SOON, VhostManagement};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet doctor
  ballet doctor -o jsonl | jq -r 'select(.state == \"bad\") | .do'

The worst findings come first, and a cause before its effects. It changes nothing, and ends within two minutes
even if a server hangs. The user of the management API needs the tag administrator, or some checks remain
open. Exit code 3: something is wrong, or could not be checked.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// RabbitMQ's management API, with user and password [default: RABBITMQ_MANAGEMENT_URL, or the
    /// user ops on this machine]
    #[arg(long, env = "BALLET_MANAGEMENT_URL", hide_env_values = true, value_name = "URL")]
    management_url: Option<String>,
    /// Show problems only
    #[arg(long)]
    quiet: bool,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let findings = findings(args.management_url.as_ref(), options).await?;
    let is_well = findings.iter().all(|finding| !finding.state.needs_somebody());
    show(findings, args, options);
    Ok(if is_well { ExitStatus::All } else { ExitStatus::Different })
}

/// All findings, the worst first.
pub(crate) async fn findings(
    management_url: Option<&String>,
    options: &GlobalOptions,
) -> Result<Vec<Finding>> {
    let system = contracts()?.system();
    let mut findings = Vec::new();
    let (connected, vhost) = broker::connection(options).await;
    findings.push(connected);
    // The virtual host may have another name than the folder of the contracts.
    let vhost = vhost.unwrap_or_else(|| system.name.to_owned());
    let address = management::address(management_url);
    let management = VhostManagement::within(SOON, &address, &vhost)?;
    let mut queues = None;
    let is_connected = findings.iter().all(|finding| finding.state == FindingState::Well);
    let of_journal = async {
        if is_connected { journal::check(system, &management, options).await } else { Vec::new() }
    };
    let of_broker = on_broker(&management, system, &vhost, options, &mut queues);
    let databases = system.parts.iter().map(|part| databases::check(part.service, options));
    let (of_broker, of_journal, databases) = join!(of_broker, of_journal, join_all(databases));
    findings.extend(of_broker);
    findings.extend(of_journal);
    findings.extend(databases.into_iter().flatten());
    explain_by_pause(&mut findings);
    findings.extend(sagas(system, queues.as_deref(), &findings, options).await);
    findings.sort_by_key(Finding::rank);
    Ok(findings)
}

/// Turns the finding that nobody reads a queue into a warning if a person has paused the service.
fn explain_by_pause(findings: &mut [Finding]) {
    let paused = findings.iter().filter(|one| one.check == "paused");
    let paused: Vec<String> = paused.map(|one| one.subject.clone()).collect();
    let lags =
        findings.iter_mut().filter(|one| one.check == "lag" && paused.contains(&one.subject));
    for lag in lags {
        (lag.state, lag.advice) = (FindingState::Warning, String::new());
    }
}

/// The findings about the broker alone.
pub(crate) async fn of_broker(
    management_url: Option<&String>,
    options: &GlobalOptions,
) -> Result<Vec<Finding>> {
    let system = contracts()?.system();
    let (connected, vhost) = broker::connection(options).await;
    let vhost = vhost.unwrap_or_else(|| system.name.to_owned());
    let management = VhostManagement::within(SOON, &management::address(management_url), &vhost)?;
    let mut findings = on_broker(&management, system, &vhost, options, &mut None).await;
    findings.push(connected);
    Ok(findings)
}

/// The findings about sagas that wait, if all databases can be read.
async fn sagas(
    system: &System,
    queues: Option<&[Value]>,
    findings: &[Finding],
    options: &GlobalOptions,
) -> Vec<Finding> {
    let hangs = |one: &Finding| ["locks", "tables", "connection"].contains(&one.check);
    let services: Vec<String> = system.parts.iter().map(|part| part.service.to_owned()).collect();
    match options.databases(&services) {
        Ok(databases) if !findings.iter().any(|one| hangs(one) && one.state.needs_somebody()) => {
            let lost =
                services.iter().map(|service| lost_messages::check(service, queues, options));
            let open = waiting_sagas::check(system, &databases, queues);
            let (mut findings, lost) = join!(open, join_all(lost));
            findings.extend(lost.into_iter().flatten());
            findings
        }
        // Other checks report that they cannot be read.
        _ => Vec::new(),
    }
}

/// The findings from the management API.
async fn on_broker(
    management: &VhostManagement,
    system: &System,
    vhost: &str,
    options: &GlobalOptions,
    queues: &mut Option<Vec<Value>>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let before = options.clock.now();
    match management.overview().await {
        Ok((overview, date)) => {
            findings.push(broker::version(&overview));
            let after = options.clock.now();
            findings.push(match date {
                Some(there) => clock::judge("the broker", there, clock::SECOND, before, after),
                None => Finding::unknown("clock", "the broker", "its answers have no date", ""),
            });
        }
        Err(error) => {
            let why = error_text(&error);
            let advice = "check RABBITMQ_MANAGEMENT_URL: host, port, user and password";
            return vec![Finding::unknown("management", "the broker", &why, advice)];
        }
    }
    match management.get(&["nodes"]).await {
        Ok(nodes) => findings.extend(broker::nodes(&nodes)),
        Err(error) => findings.push(open("nodes", &error)),
    }
    match management.read_objects().await {
        Ok(found) => {
            findings.extend(topology::judge(system, vhost, &found));
            let BrokerObjects { queues: listed, .. } = found;
            findings.extend(queues::judge(system, &listed));
            *queues = Some(listed);
        }
        Err(error) => {
            findings.push(open("topology", &error));
            // A user may see queues and no policies.
            *queues = management.queues().await.ok();
            findings.extend(queues.iter().flat_map(|listed| queues::judge(system, listed)));
        }
    }
    let permissions = management.get(&["vhosts", vhost, "permissions"]).await;
    let topics = management.get(&["vhosts", vhost, "topic-permissions"]).await;
    let users = management.get(&["users"]).await;
    match permissions.and_then(|permissions| Ok((permissions, topics?, users?))) {
        Ok((permissions, topics, users)) => {
            findings.extend(rights::judge(system, vhost, &permissions, &topics, &users));
        }
        Err(error) => findings.push(open("rights", &error)),
    }
    findings
}

/// A finding for a check that could not be made.
fn open(check: &'static str, error: &anyhow::Error) -> Finding {
    let advice = "give --management-url a user with the tag administrator";
    Finding::unknown(check, "the broker", &error_text(error), advice)
}

fn show(mut findings: Vec<Finding>, args: &Args, options: &GlobalOptions) {
    let all = findings.len();
    if args.quiet {
        findings.retain(|finding| finding.state != FindingState::Well);
    }
    if options.output != Output::Table {
        let row = |finding: &Finding| {
            json!({ "check": finding.check, "subject": finding.subject,
                "state": finding.state.name(), "found": finding.found, "do": finding.advice })
        };
        ui::print_json(options.output, findings.iter().map(row));
        return;
    }
    let mut table = Table::new(["state", "check", "of", "found"]).whole();
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
            Cell::from(finding.check),
            Cell::from(&finding.subject),
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
