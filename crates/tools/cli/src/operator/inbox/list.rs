//! `ballet inbox list`: failed messages and calls, one by one.

use anyhow::{Context as _, Result};
use ballet_ops::terminal::{Cell, Table};
use ballet_store::inbox::stuck::{self, StuckEntry, StuckKind};
use serde_json::{Value, json};
use sqlx::Connection;

use crate::base::exit::{ExitStatus, error_text, without_databases};
use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;
use crate::base::ui;

pub(super) const EXAMPLES: &str = "\
Examples:
  ballet inbox list
  ballet inbox list --service payments -o jsonl | jq -r 'select(.next_at != null) | .id'

It reads the services' databases (DATABASE_URL with {service} in it), and changes nothing. A database
that is away is named, and the rest is listed: exit code 3. A message without a next attempt is a dead
letter: ballet dlq, which alone lists messages that no handler ever got.";

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this service [default: all known services]
    #[arg(long, value_name = "NAME")]
    service: Vec<String>,
    /// Show at most this many of a service, those that have waited longest
    #[arg(long, default_value_t = 50, value_name = "N", overrides_with = "limit")]
    limit: u32,
}

pub(super) async fn run(args: &Args, options: &GlobalOptions) -> Result<ExitStatus> {
    let known = services_or_all(&args.service)?;
    let (mut all, mut away, mut is_cut) = (Vec::new(), Vec::new(), false);
    let limit = args.limit.max(1);
    for service in known {
        match read(&service, limit, options).await {
            Ok(Some(mut listed)) => {
                is_cut |= listed.len() > limit as usize;
                listed.truncate(limit as usize);
                all.extend(listed.into_iter().map(|stuck| (service.clone(), stuck)));
            }
            Ok(None) => {
                return Err(without_databases("what failed is in the services' databases"));
            }
            Err(error) => away.push(error_text(&error)),
        }
    }
    show(&all, options);
    if is_cut {
        ui::say("there are more; --limit shows more");
    }
    Ok(ExitStatus::listed_without(&away))
}

/// One more than the limit shows that there are more.
async fn read(
    service: &str,
    limit: u32,
    options: &GlobalOptions,
) -> Result<Option<Vec<StuckEntry>>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(None) };
    let read = async {
        let listed = stuck::list(&mut db, limit.saturating_add(1)).await?;
        db.close().await?;
        Ok::<_, sqlx::Error>(listed)
    };
    Ok(Some(read.await.with_context(|| format!("the database of {service}"))?))
}

/// The id, and the kind of thing that it identifies.
fn id_and_kind(what: &StuckKind) -> (String, &str) {
    match what {
        StuckKind::Message { message_id, event_type } => (message_id.to_string(), event_type),
        StuckKind::Call { call_key, undo: false } => (call_key.to_string(), "a call"),
        StuckKind::Call { call_key, undo: true } => (call_key.to_string(), "an undo's call"),
    }
}

fn show(all: &[(String, StuckEntry)], options: &GlobalOptions) {
    let row = |(service, stuck): &(String, StuckEntry)| -> Value {
        let (id, what) = id_and_kind(&stuck.what);
        json!({
            "service": service, "id": id, "what": what,
            "saga": stuck.saga_id.map(|saga| saga.to_string()), "step": stuck.handler,
            "since": stuck.since.to_string(), "attempts": stuck.attempts,
            "next_at": stuck.next_at.map(|at| at.to_string()), "reason": stuck.reason,
            "detail": stuck.detail,
        })
    };
    let now = options.clock.now();
    let header = ["service", "for", "step", "what", "id", "attempts", "next attempt", "last error"];
    let table = Table::new(header).right([5]);
    let cells = |(service, stuck): &(String, StuckEntry)| {
        let (id, what) = id_and_kind(&stuck.what);
        let next = stuck.next_at.map(|at| format!("in {}", ui::ago(Some(now), at)));
        [
            Cell::from(service),
            Cell::from(ui::ago(Some(stuck.since), now)),
            Cell::from(&stuck.handler),
            Cell::from(what),
            Cell::from(id),
            Cell::from(stuck.attempts.to_string()),
            Cell::from(next.unwrap_or_else(|| "none: a dead letter".to_owned())),
            Cell::from(&stuck.detail),
        ]
    };
    let none = "nothing has failed that is not done";
    let is_shown = ui::list(options.output, all, row, none, table, cells);
    if is_shown && all.iter().any(|(_, stuck)| stuck.next_at.is_some()) {
        ui::say(&format!(
            "when the cause is mended, try it again now: {} inbox retry SERVICE --all",
            ui::ballet()
        ));
    }
}
