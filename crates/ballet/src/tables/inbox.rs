//! The inbox: the messages that this service has handled.
//!
//! The row commits together with the handlers' effects, so a message takes effect once, no matter
//! how often it is delivered.

use std::collections::HashSet;

use ballet_core::envelope::Limits;
use ballet_core::{MessageId, SagaId, id};
use jiff::Timestamp;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::tables::ledger::{Ledger, split};
use crate::tables::partitions::Partitioned;
use crate::tables::{locks, partitions};

/// A message that a transaction records.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewMessage {
    pub(crate) id: MessageId,
    /// Whether it is kept among those without a time, since the partition of its time is gone.
    pub(crate) apart: bool,
}

const RECEIVE: &str = "select message_id, saga_id, step, key, entry, arrived, ordinal \
     from ballet.receive($1, $2, $3, $4, $5)";

/// Starts a transaction on sagas: takes their locks first, then records the messages and reads the
/// ledger of the sagas. Returns the messages that are new. Waits for a message that another
/// transaction is handling.
pub(crate) async fn receive(
    db: &mut PgConnection,
    ledger: &mut Ledger,
    sagas: &[SagaId],
    messages: &[NewMessage],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut fresh = HashSet::with_capacity(messages.len());
    if sagas.is_empty() && messages.is_empty() {
        return Ok(fresh);
    }
    let (timed_ids, other_ids) = places(messages);
    let (timed_sagas, other_sagas) = split(sagas.iter().map(|saga| saga.0), |saga| *saga);
    let (timed_sagas, other_sagas) =
        (sorted(timed_sagas.into_iter()), sorted(other_sagas.into_iter()));
    let rows = sqlx::query(RECEIVE)
        .bind(locks::keys(sagas.iter().copied()))
        .bind(timed_ids)
        .bind(other_ids)
        .bind(timed_sagas)
        .bind(other_sagas)
        .fetch_all(db)
        .await?;
    for row in rows {
        match row.try_get::<Option<Uuid>, _>(0)? {
            Some(id) => drop(fresh.insert(MessageId(id))),
            None => ledger.take_in(&row)?,
        }
    }
    Ok(fresh)
}

/// Takes back messages that this transaction recorded and does not handle after all.
pub(crate) async fn forget(
    db: &mut PgConnection,
    messages: &[NewMessage],
) -> Result<(), sqlx::Error> {
    let (timed, others) = places(messages);
    for (ids, delete) in [
        (timed, "delete from ballet.inbox where message_id = any($1)"),
        (others, "delete from ballet.inbox_other where message_id = any($1)"),
    ] {
        if !ids.is_empty() {
            sqlx::query(delete).bind(ids).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// The ids that are kept by their time, and those that are kept apart.
fn places(messages: &[NewMessage]) -> (Vec<Uuid>, Vec<Uuid>) {
    let is_timed = |message: &&NewMessage| !message.apart && id::is_timed(message.id.0);
    let (timed, others): (Vec<&NewMessage>, Vec<&NewMessage>) = messages.iter().partition(is_timed);
    let ids = |messages: Vec<&NewMessage>| sorted(messages.iter().map(|message| message.id.0));
    (ids(timed), ids(others))
}

/// Without one order everywhere, two batches with the same ids could deadlock.
fn sorted(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// What is remembered of a message whose id is old.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Remembered {
    /// What the inbox knows of that time.
    pub(crate) of_its_time: partitions::Memory,
    /// Whether it was handled, and is kept with those of its time, or apart.
    pub(crate) handled: bool,
    pub(crate) handled_apart: bool,
    /// Whether it is noted as failing here, so it was not handled.
    pub(crate) failing: bool,
}

/// Looks up what is remembered of old messages, in their order.
pub(crate) async fn remembered(
    db: &mut PgConnection,
    limits: &Limits,
    ids: &[MessageId],
) -> Result<Vec<Remembered>, sqlx::Error> {
    let times: Vec<Timestamp> =
        ids.iter().map(|it| id::time_of(it.0).unwrap_or_default()).collect();
    let inbox = Partitioned::inbox(limits);
    let memories = partitions::memories(db, &inbox, &times).await?;
    let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
    let rows: Vec<(bool, bool, bool)> = sqlx::query_as(
        "select exists (select from ballet.inbox i where i.message_id = wanted.id), \
             exists (select from ballet.inbox_other i where i.message_id = wanted.id), \
             exists (select from ballet.failure f where f.message_id = wanted.id) \
         from unnest($1::uuid[]) with ordinality as wanted (id, place) order by place",
    )
    .bind(ids)
    .fetch_all(db)
    .await?;
    let remembered = |(of_its_time, (handled, handled_apart, failing))| Remembered {
        of_its_time,
        handled,
        handled_apart,
        failing,
    };
    Ok(memories.into_iter().zip(rows).map(remembered).collect())
}
