//! Gives up messages that failed and are in no queue any more, because somebody purged it. Only the record of them is
//! left to discard. As long as it is there, `ballet sagas stuck` lists them and an alarm rings.

use std::sync::Arc;

use anyhow::Result;
use ballet::MessageId;
use ballet_ops::redrive::DeadLetters;
use ballet_ops::standing::lost::is_overdue;
use ballet_store::inbox::stuck::{self, StuckKind};
use ballet_store::operators::interventions::{Act, TouchedMessage, insert};
use ballet_store::waiting;
use sqlx::Connection;

use crate::base::confirm::confirm;
use crate::base::exit::ExitStatus;
use crate::base::options::GlobalOptions;
use crate::base::systems::services_or_all;
use crate::base::ui;
use crate::operator::dlq::note::NoteArgs;
use crate::operator::dlq::plans::forget;
use crate::operator::dlq::selection::DeadLetterSelection;

/// The most failures of one service that are read.
const MOST: u32 = 100_000;

/// Gives up the messages that are named by id and do not wait for another attempt.
pub(super) async fn give_up(
    selection: &DeadLetterSelection,
    yes: bool,
    dry_run: bool,
    note_args: &NoteArgs,
    options: &GlobalOptions,
) -> Result<ExitStatus> {
    let mut all = Vec::new();
    if !selection.id.is_empty() {
        for service in services_or_all(&selection.service)? {
            let lost = lost(selection, &service, options).await?;
            if !lost.is_empty() {
                all.push((service, lost));
            }
        }
    }
    if all.is_empty() {
        ui::print("no dead letters match");
        return Ok(ExitStatus::All);
    }
    let ids = all.iter().flat_map(|(_, lost)| lost).map(|one| MessageId(one.message_id));
    selection.require_whole_ids(ids)?;
    for (service, lost) in &all {
        for TouchedMessage { message_id, .. } in lost {
            ui::say(&format!("{message_id} failed in {service}, and is in no queue any more"));
        }
    }
    if dry_run {
        ui::say("they would be given up; nothing was");
        return Ok(ExitStatus::All);
    }
    confirm(yes, "discard", "Discard the records of them?", "discard")?;
    let note = note_args.or_ask_reason("Why are they given up?", yes).note(options);
    for (service, lost) in &all {
        if let Some(mut db) = options.connect(service).await? {
            insert(&mut db, note.of(Act::Discarded), lost).await?;
            db.close().await.ok();
        }
        let ids: Vec<MessageId> = lost.iter().map(|one| MessageId(one.message_id)).collect();
        forget(options, service, &ids).await?;
        let count = lost.len();
        ui::say(&format!(
            "{count} of {service} given up: `sagas stuck` no longer lists what was lost"
        ));
    }
    Ok(ExitStatus::All)
}

async fn lost(
    selection: &DeadLetterSelection,
    service: &str,
    options: &GlobalOptions,
) -> Result<Vec<TouchedMessage>> {
    let Some(mut db) = options.connect(service).await? else { return Ok(Vec::new()) };
    let noted = stuck::list(&mut db, MOST).await?;
    let unsent = waiting::outbox(&mut db).await?.copies.count;
    db.close().await?;
    // A message that the broker has not taken yet, or that another program holds, is a dead letter.
    let queue = DeadLetters::on(Arc::clone(&options.broker()?), service).status().await;
    if unsent > 0 || queue.is_ok_and(|queue| queue.readers > 0) {
        return Ok(Vec::new());
    }
    let now = options.clock.now();
    let is_lost = |one: &stuck::StuckEntry| {
        !one.is_deadline() && one.next_at.is_none_or(|at| is_overdue(Some(at), now))
    };
    let lost = noted.into_iter().filter(is_lost).filter_map(|one| match one.what {
        StuckKind::Message { message_id, event_type } if selection.names(message_id) => {
            Some(TouchedMessage {
                message_id: message_id.0,
                saga_id: one.saga_id.map(|saga| saga.0),
                event_type: Some(event_type),
            })
        }
        StuckKind::Message { .. } | StuckKind::Call { .. } => None,
    });
    Ok(lost.collect())
}
