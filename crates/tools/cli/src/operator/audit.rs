//! `ballet audit`: checks that everything holds in a running system.

use std::ffi::OsString;

use anyhow::{Context as _, Result};
use ballet_ops::audit::{BrokerSnapshot, PartVerdict, Report, ReportPart, audit_with};
use ballet_ops::terminal::plain;
use ballet_stage::ManagementClient;
use jiff::SignedDuration;
use serde_json::json;

use crate::author::trials;
use crate::base::exit::{ExitStatus, usage};
use crate::base::options::GlobalOptions;
use crate::base::systems::{contracts, services};
use crate::base::ui::{self, Output};

pub(crate) const EXAMPLES: &str = "\
Examples:
  ballet audit
  ballet audit --quiescent-after 60 -o json | jq .violations

It reads the ledgers, inboxes, outboxes, calls, deadlines and copies of all services (DATABASE_URL), and the
broker's queues and dead letters (RABBITMQ_MANAGEMENT_URL, a user with the tag administrator), and writes
nothing. It knows the system by its contracts, so it needs no checkout. In the workspace of a system that has
a trial program, it runs that program, which also knows what must hold between the system's own tables;
it passes its arguments on (`ballet audit --endpoints FILE`). With --contracts or
BALLET_CONTRACTS it does not. Exit code 0: all holds; 1: something is wrong, or waits for a person; 3:
a server did not answer.";

/// The most dead letters of a service that are named with their reasons.
const DEAD_LETTERS: u32 = 20;
/// A saga is quiescent after this many seconds without a change.
const QUIESCENT_AFTER: u32 = 10;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A saga is quiescent when nothing of it has changed for this long. The broker's figures are up to five
    /// seconds old
    #[arg(long, default_value_t = QUIESCENT_AFTER, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(0..=86_400))]
    quiescent_after: u32,
    /// Options of the workspace's trial program
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    trial: Vec<OsString>,
}

pub(crate) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    if options.contracts.is_none() && trials::are_here()? {
        let mut passed = vec!["--quiescent-after".into(), args.quiescent_after.to_string().into()];
        passed.extend((options.output != Output::Table).then(|| "--json".into()));
        passed.extend(args.trial.iter().cloned());
        return trials::become_trial("audit", &passed);
    }
    if let Some(unknown) = args.trial.first() {
        let unknown = unknown.to_string_lossy();
        return Err(usage(format!("{unknown} is for a trial program, and there is none here")));
    }
    let quiescent_after = SignedDuration::from_secs(args.quiescent_after.into());
    let report = report(quiescent_after, options).await?;
    show(&report, services()?.len(), quiescent_after, options)?;
    Ok(match (report.needs_nobody(), report.away.is_empty()) {
        (true, true) => ExitStatus::All,
        (true, false) => ExitStatus::Partly,
        (false, _) => ExitStatus::Failed,
    })
}

async fn report(quiescent_after: SignedDuration, options: &GlobalOptions) -> Result<Report> {
    let system = contracts()?.system();
    let databases = options.databases(&services()?)?;
    // The broker first: a message that is gone was handled before the databases are read.
    let broker = broker(system.name, options).await?;
    Ok(audit_with(system, &databases, &broker, quiescent_after).await)
}

async fn broker(system: &str, options: &GlobalOptions) -> Result<BrokerSnapshot> {
    // The virtual host may have another name than the contracts' folder.
    let vhost = match options.broker()?.connect("ballet audit").await {
        Ok(session) => {
            let vhost = session.peer().vhost.clone();
            session.close().await;
            vhost
        }
        Err(_) => system.to_owned(),
    };
    let address = options.management_address();
    let read = ManagementClient::at(&address, &vhost)?.audited(DEAD_LETTERS).await;
    Ok(read.unwrap_or_else(|error| BrokerSnapshot {
        away: Some(error.to_string()),
        ..BrokerSnapshot::default()
    }))
}

fn show(
    report: &Report,
    services: usize,
    quiescent_after: SignedDuration,
    options: &GlobalOptions,
) -> Result<()> {
    if options.output != Output::Table {
        let mut report = serde_json::to_value(report).context("cannot write the report")?;
        report["own_tables"] = json!("not judged");
        ui::print_json(options.output, [report]);
        return Ok(());
    }
    ui::print(&report.scope(services, quiescent_after));
    for ReportPart { verdict, said, cases } in report.parts(quiescent_after) {
        let mark = match verdict {
            PartVerdict::Good => ui::green("✓"),
            PartVerdict::Bad => ui::bad("✗"),
            PartVerdict::Open => ui::yellow("·"),
            PartVerdict::Later => ui::dim("·"),
        };
        ui::print(&format!("  {mark} {said}"));
        cases.iter().for_each(|case| ui::print(&format!("      {}", plain(case))));
    }
    ui::print(
        "  not judged: what must hold between the system's own tables. Its trial program knows that (`cargo \
         trials audit` in its workspace)",
    );
    Ok(())
}
