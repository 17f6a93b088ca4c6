//! `ballet sagas stuck`: the stuck sagas, and why.

use std::collections::{HashMap, HashSet};

use anyhow::Result;
use ballet_ops::doctor::standing;
use ballet_ops::sagas::{Hindrance, hindrances};
use ballet_ops::standing::finding::{Finding, Hinders};
use ballet_ops::terminal::{Cell, Table};

use crate::base::exit::{ExitStatus, is_unreachable};
use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;
use crate::base::ui;
use crate::operator::dead_letters;
use crate::operator::sagas::dead_letters::add_dead_letters;
use crate::operator::sagas::open_state::style;
use crate::operator::sagas::saga_name::SagaName;
use crate::operator::sagas::service_waits::{ServiceWaits, read_waits};
use crate::operator::sagas::stuck_saga::{StuckSaga, UNPUBLISHABLE};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet sagas stuck
  ballet sagas stuck --service payments
  ballet sagas stuck customer=0193f7a0-0001-7000-8000-000000000001";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this saga, or those that have a business key with this value: `order=ABC`
    #[arg(value_name = "ID|KEY=VALUE")]
    saga: Option<SagaName>,
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show at most this many, those that have waited longest
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: usize,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let mut all = Vec::new();
    let mut without_database = Vec::new();
    let (mut away, mut more_unpublished) = (Vec::new(), 0);
    let known = services_or_all(&args.service)?;
    let wanted = match &args.saga {
        Some(named) => Some(named.all(options).await?),
        None => None,
    };
    // All are read before the requested ones are known.
    let most = if wanted.is_some() { usize::MAX } else { args.limit.max(1) };
    let queues = match dead_letters::open(options, &args.service).await {
        Ok(queues) => queues,
        // The databases have the rest.
        Err(error) if is_unreachable(&error) && options.has_databases() => {
            away.push(format!("dead letters are not listed: {error:#}"));
            Vec::new()
        }
        Err(error) => return Err(error),
    };
    let servers = options.system_servers(None)?;
    let standing = standing(&servers).await;
    let hindrances = hindrances(servers.system, &standing.findings);
    let mut of_services: HashMap<&str, ServiceWaits> = HashMap::new();
    for service in &known {
        match read_waits(service, options, most).await {
            Ok(Some(mut noted)) => {
                all.append(&mut noted.waiting);
                more_unpublished += noted.more_unpublished;
                of_services.insert(service, noted);
            }
            Ok(None) => without_database.push(service.as_str()),
            Err(error) => away.push(format!("{error:#}")),
        }
    }
    for queue in &queues {
        let noted = of_services.remove(queue.service()).unwrap_or_default();
        add_dead_letters(queue, &noted, &mut all).await?;
    }
    let mut is_partial = false;
    if let Some(wanted) = &wanted {
        let ids: HashSet<String> = wanted.sagas.iter().map(ToString::to_string).collect();
        all.retain(|waiting| ids.contains(&waiting.saga));
        (is_partial, more_unpublished) = (wanted.is_partial, 0);
    }
    all.sort_by(|a, b| (a.since, &a.saga).cmp(&(b.since, &b.saga)));
    let whole = all.len();
    all.truncate(args.limit.max(1));
    show(&all, &hindrances, whole, options);
    let hinders = standing.findings.iter().filter(|one| one.hinders != Hinders::Nothing);
    for Finding { cause, subject, found, advice, .. } in hinders {
        ui::say(&format!("{cause}: {subject}: {found}. Do: {advice}"));
    }
    if more_unpublished > 0 {
        ui::say(&format!(
            "events that can never be published, besides these: {more_unpublished} (ballet outbox \
             list)"
        ));
    }
    if !without_database.is_empty() {
        ui::say(&format!(
            "of {} only dead letters are listed: set DATABASE_URL for the rest",
            without_database.join(", ")
        ));
    }
    match ExitStatus::listed_without(&away) {
        ExitStatus::All if is_partial => Ok(ExitStatus::Partly),
        done => Ok(done),
    }
}

fn show(all: &[StuckSaga], hindrances: &[Hindrance], whole: usize, options: &GlobalOptions) {
    let now = options.clock.now();
    let header = [
        "saga",
        "state",
        "service",
        "step",
        "for",
        "what",
        "reason",
        "attempts",
        "next attempt",
        "detail",
    ];
    let table = Table::new(header).right([7]);
    let row = |waiting: &StuckSaga| waiting.json(waiting.state(hindrances, now));
    let cells = |waiting: &StuckSaga| {
        let next = waiting.next_at.map(|at| format!("in {}", ui::ago(Some(now), at)));
        let state = waiting.state(hindrances, now);
        [
            Cell::from(&waiting.saga),
            Cell::from(state.as_str()).styled(style(state)),
            Cell::from(&waiting.service),
            Cell::from(waiting.step.as_ref()),
            Cell::from(ui::ago(waiting.since, now)),
            Cell::from(waiting.what.as_ref()),
            Cell::from(&waiting.reason).yellow(),
            Cell::from(waiting.attempts.to_string()),
            Cell::from(next.unwrap_or_else(|| "none".to_owned())),
            Cell::from(waiting.detail.as_ref()),
        ]
    };
    if !ui::list(options.output, all, row, "no saga is stuck", table, cells) {
        return;
    }
    if whole > all.len() {
        ui::say(&format!("{} of {whole} are shown; --limit shows more", all.len()));
    }
    if all.iter().any(|waiting| waiting.reason == UNPUBLISHABLE) {
        ui::say(&format!(
            "unpublishable: when the cause is mended, publish the event again: {} outbox retry \
             --saga <saga>",
            ui::ballet()
        ));
    }
    let is_dead =
        |waiting: &StuckSaga| waiting.next_at.is_none() && waiting.reason != UNPUBLISHABLE;
    if all.iter().any(is_dead) {
        ui::say(&format!(
            "without a next attempt it is a dead letter; send it back: {} dlq redrive --saga <saga>",
            ui::ballet()
        ));
    }
}
