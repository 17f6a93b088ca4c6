//! `ballet outbox waiting`: what each service has not published yet, since when, and why.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ballet_store::process::{Liveness, alive};
use ballet_store::waiting::{self, OutboxWaits, WaitingCount};
use ballet_terminal::{Cell, Table};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sqlx::Connection;
use tokio::time::timeout;

use crate::base::exit::{ExitStatus, error_text, with_advice, without_databases};
use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;
use crate::base::ui::{self, Output};

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet outbox waiting
  ballet outbox waiting --service orders -o jsonl | jq .since

It reads the services' databases (DATABASE_URL with {service} in it), and changes nothing. A database
that is away is named, and the rest is listed: exit code 3.";

/// An event that is younger than this is on its way.
const SOON: SignedDuration = SignedDuration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
}

/// The unpublished events and copies of one service.
struct OutboxRow {
    service: String,
    waits: OutboxWaits,
    is_silent: bool,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let known = services_or_all(&args.service)?;
    let (mut rows, mut away) = (Vec::new(), Vec::new());
    for service in known {
        match read(&service, options).await {
            Ok(Some(row)) => rows.push(row),
            Ok(None) => {
                return Err(without_databases("the outbox is in the services' databases"));
            }
            Err(error) => away.push(error_text(&error)),
        }
    }
    let waits = |row: &OutboxRow| row.waits.events.count + row.waits.copies.count > 0;
    let broker = if rows.iter().any(waits) { broker_away(options).await } else { None };
    show(&rows, broker.as_deref(), options);
    Ok(ExitStatus::listed_without(&away))
}

async fn read(service: &str, options: &GlobalOptions) -> Result<Option<OutboxRow>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(None) };
    let read = async {
        let is_silent = alive(&mut db).await? != Liveness::Yes;
        let waits = waiting::outbox(&mut db).await?;
        db.close().await?;
        Ok::<_, sqlx::Error>(OutboxRow { service: service.to_owned(), waits, is_silent })
    };
    Ok(Some(read.await.with_context(|| format!("the database of {service}"))?))
}

/// The reason why no service can publish, if the broker does not answer.
async fn broker_away(options: &GlobalOptions) -> Option<String> {
    let connected = async {
        let session = options.broker()?.connect("ballet outbox").await;
        session.map_err(|error| with_advice(error.into()))
    };
    match timeout(PATIENCE, connected).await {
        Ok(Ok(session)) => {
            session.close().await;
            None
        }
        Ok(Err(error)) => Some(error_text(&error)),
        Err(_) => Some(format!("the broker did not answer within {} s", PATIENCE.as_secs())),
    }
}

/// The reason of the wait, as far as it can be seen from here.
fn why(row: &OutboxRow, broker: Option<&str>, now: Timestamp) -> Option<String> {
    let OutboxWaits { events, copies, refused, .. } = &row.waits;
    if events.count + copies.count == 0 {
        return None;
    }
    let oldest = [events.since, copies.since].into_iter().flatten().min()?;
    Some(match (row.is_silent, broker, refused) {
        (true, ..) => "no process of the service is alive; the next one publishes it".to_owned(),
        (_, Some(away), _) => away.to_owned(),
        (.., Some(refused)) => format!("the broker refused copies of messages: {refused}"),
        _ if now.duration_since(oldest) < SOON => "it is on its way".to_owned(),
        _ => {
            "a process is alive and the broker answers: /readyz of the service says why".to_owned()
        }
    })
}

fn show(rows: &[OutboxRow], broker: Option<&str>, options: &GlobalOptions) {
    let now = options.clock.now();
    if options.output != Output::Table {
        let row = |row: &OutboxRow| -> Value {
            let at = |line: &WaitingCount| line.since.map(|at| at.to_string());
            let OutboxWaits { events, copies, unpublishable, .. } = &row.waits;
            json!({
                "service": row.service, "waiting": events.count, "since": at(events),
                "copies": copies.count, "copies_since": at(copies),
                "unpublishable": unpublishable.count, "unpublishable_since": at(unpublishable),
                "why": why(row, broker, now),
            })
        };
        ui::print_json(options.output, rows.iter().map(row));
        return;
    }
    let header = ["service", "waiting", "for", "copies", "for", "unpublishable", "why"];
    let mut table = Table::new(header).right([1, 3, 5]);
    for row in rows {
        let OutboxWaits { events, copies, unpublishable, .. } = &row.waits;
        let age = |line: &WaitingCount| Cell::from(line.since.map(|at| ui::ago(Some(at), now)));
        table.row([
            Cell::from(&row.service),
            Cell::from(ui::grouped(events.count)),
            age(events),
            Cell::from(ui::grouped(copies.count)),
            age(copies),
            Cell::from(ui::grouped(unpublishable.count)),
            Cell::from(why(row, broker, now)),
        ]);
    }
    if !rows.is_empty() {
        ui::show(&table);
    }
    if rows.iter().any(|row| row.waits.unpublishable.count > 0) {
        ui::say(&format!("unpublishable: `{} outbox list` has the reasons", ui::ballet()));
    }
}
