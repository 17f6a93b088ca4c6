//! Gives up messages that failed and are in no queue any more, because somebody purged that. Nothing is left to
//! discard but the record, for which `ballet sagas stuck` lists them and an alarm rings.

use std::sync::Arc;

use anyhow::{Result, bail};
use ballet::MessageId;
use ballet_ops::redrive::DeadLetters;
use ballet_store::inbox::stuck::{self, What};
use ballet_store::waiting;
use ballet_terminal::{ask, is_interactive};
use sqlx::Connection;

use crate::dlq::plans::forget;
use crate::dlq::selection::Selection;
use crate::exit::{Done, usage};
use crate::lost::is_overdue;
use crate::options::GlobalOptions;
use crate::systems::services_or_all;
use crate::ui;

/// The most failures of one service that are read.
const MOST: u32 = 100_000;

/// Gives up those that are named by id, and that do not wait for another attempt.
pub(super) async fn give_up(
    selection: &Selection,
    yes: bool,
    dry_run: bool,
    options: &GlobalOptions,
) -> Result<Done> {
    let mut all = Vec::new();
    if !selection.id.is_empty() {
        for service in services_or_all(&selection.service) {
            let lost = lost(selection, &service, options).await?;
            if !lost.is_empty() {
                all.push((service, lost));
            }
        }
    }
    if all.is_empty() {
        ui::print("no dead letters match");
        return Ok(Done::All);
    }
    selection.require_whole_ids(all.iter().flat_map(|(_, lost)| lost).copied())?;
    for (service, lost) in &all {
        for id in lost {
            ui::say(&format!("{id} failed in {service}, and is in no queue any more"));
        }
    }
    if dry_run {
        ui::say("they would be given up; nothing was");
        return Ok(Done::All);
    }
    confirm(yes, "the records of them")?;
    for (service, lost) in &all {
        forget(options, service, lost).await?;
        let count = lost.len();
        ui::say(&format!(
            "{count} of {service} given up: `sagas stuck` no longer lists what was lost"
        ));
    }
    Ok(Done::All)
}

async fn lost(
    selection: &Selection,
    service: &str,
    options: &GlobalOptions,
) -> Result<Vec<MessageId>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(Vec::new()) };
    let noted = stuck::list(&mut db, MOST).await?;
    let unsent = waiting::outbox(&mut db).await?.copies.count;
    db.close().await?;
    // What the broker has not taken yet, or another program holds, is a dead letter.
    let queue = DeadLetters::on(Arc::clone(&options.broker()?), service).status().await;
    if unsent > 0 || queue.is_ok_and(|queue| queue.readers > 0) {
        return Ok(Vec::new());
    }
    let now = options.clock.now();
    let is_lost = |one: &stuck::Stuck| {
        !one.is_deadline() && one.next_at.is_none_or(|at| is_overdue(Some(at), now))
    };
    let ids = noted.iter().filter(|one| is_lost(one)).filter_map(|one| match one.what {
        What::Message { message_id, .. } => Some(message_id),
        What::Call { .. } => None,
    });
    Ok(ids.filter(|id| selection.names(*id)).collect())
}

/// Asks the user to confirm, unless `--yes` is given.
pub(super) fn confirm(yes: bool, what: &str) -> Result<()> {
    if yes {
        return Ok(());
    }
    if !is_interactive() {
        return Err(usage(
            "there is no terminal to ask on: give --yes to discard without confirmation",
        ));
    }
    let answer = ask(&format!("Discard {what}? Type `discard`:"))?;
    if answer != "discard" {
        bail!("nothing was discarded");
    }
    Ok(())
}
