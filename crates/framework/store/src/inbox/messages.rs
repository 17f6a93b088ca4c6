//! The inbox: the messages that this service has handled.
//!
//! The row commits together with the handlers' effects, so a message takes effect once, no matter
//! how often it is delivered.

use std::collections::{HashMap, HashSet};

use ballet_core::envelope::Limits;
use ballet_core::{MessageId, SagaId, id};
use jiff::Timestamp;
use jiff_sqlx::ToSqlx;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::ledger::locks;
use crate::ledger::rows::{Ledger, split};
use crate::schema::partitions;
use crate::schema::partitions::PartitionedTable;

/// A message that a transaction records.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage {
    pub id: MessageId,
    /// Whether it is kept among those without a time, since the partition of its time is gone.
    pub apart: bool,
    /// The hash of its content.
    pub content: i64,
}

/// The inbox's knowledge of messages before a transaction recorded them.
#[derive(Debug, Default)]
pub struct ReceiveResult {
    /// The messages that are new.
    pub fresh: HashSet<MessageId>,
    /// The hashes of the others, and perhaps of new ones, as far as they are known.
    pub known: HashMap<MessageId, i64>,
}

/// The condition that the message of a row has not been handled. `row` is its name in the statement.
pub(crate) fn is_in_no_inbox(row: &str) -> String {
    let not_in = |table| {
        format!("not exists (select from ballet.{table} i where i.message_id = {row}.message_id)")
    };
    ["inbox", "inbox_other"].map(not_in).join(" and ")
}

const RECEIVE: &str = "select message_ids, saga_id, step, key, entry, arrived, ordinal, content \
     from ballet.receive_batch($1, $2, $3, $4, $5)";
const RECEIVE_APART: &str = "insert into ballet.inbox_other (message_id, content, received_at) \
     select id, content, $3 from unnest($1::uuid[], $2::bigint[]) as new (id, content) \
     on conflict do nothing returning message_id";
const KNOWN_APART: &str = "select i.message_id, i.content from unnest($1::uuid[]) as wanted (id) \
     cross join lateral (select * from ballet.inbox_other i where i.message_id = wanted.id offset 0) i \
     where i.content is not null";

/// Starts a transaction on sagas: takes their locks first, then records the messages and reads the
/// ledger. Says which messages are new. Waits for a message that another transaction is handling.
/// Those without a time in their id are remembered from `now`.
pub async fn receive(
    db: &mut PgConnection,
    ledger: &mut Ledger,
    sagas: &[SagaId],
    messages: &[NewMessage],
    now: Timestamp,
) -> Result<ReceiveResult, sqlx::Error> {
    let mut received = ReceiveResult::default();
    received.fresh.reserve(messages.len());
    let (timed, others) = places(messages);
    if !sagas.is_empty() || !timed.is_empty() {
        receive_timed(db, ledger, sagas, &timed, &mut received).await?;
    }
    if !others.is_empty() {
        receive_apart(db, &others, now, &mut received).await?;
    }
    Ok(received)
}

async fn receive_timed(
    db: &mut PgConnection,
    ledger: &mut Ledger,
    sagas: &[SagaId],
    timed: &[NewMessage],
    received: &mut ReceiveResult,
) -> Result<(), sqlx::Error> {
    let (timed_sagas, other_sagas) = split(sagas.iter().map(|saga| saga.0), |saga| *saga);
    let (timed_sagas, other_sagas) =
        (sorted(timed_sagas.into_iter()), sorted(other_sagas.into_iter()));
    let rows = sqlx::query(RECEIVE)
        .bind(locks::keys(sagas.iter().copied()))
        .bind(ids(timed))
        .bind(contents(timed))
        .bind(timed_sagas)
        .bind(other_sagas)
        .fetch_all(db)
        .await?;
    for row in rows {
        let Some(ids) = row.try_get::<Option<Vec<Uuid>>, _>(0)? else {
            ledger.take_in(&row)?;
            continue;
        };
        let ids = ids.into_iter().map(MessageId);
        match row.try_get::<Option<i64>, _>(7)? {
            Some(content) => received.known.extend(ids.map(|id| (id, content))),
            None => received.fresh.extend(ids),
        }
    }
    Ok(())
}

/// Records messages by the time that this process knows. If the database's clock is set back just
/// now, what is old when it comes would soon be forgotten.
async fn receive_apart(
    db: &mut PgConnection,
    others: &[NewMessage],
    now: Timestamp,
    received: &mut ReceiveResult,
) -> Result<(), sqlx::Error> {
    let added = sqlx::query_scalar(RECEIVE_APART).bind(ids(others)).bind(contents(others));
    let added: Vec<Uuid> = added.bind(now.to_sqlx()).fetch_all(&mut *db).await?;
    received.fresh.extend(added.iter().copied().map(MessageId));
    if added.len() < others.len() {
        let known: Vec<(Uuid, i64)> =
            sqlx::query_as(KNOWN_APART).bind(ids(others)).fetch_all(db).await?;
        received.known.extend(known.into_iter().map(|(id, content)| (MessageId(id), content)));
    }
    Ok(())
}

/// Takes back messages that this transaction recorded and does not handle after all.
pub async fn forget(db: &mut PgConnection, messages: &[NewMessage]) -> Result<(), sqlx::Error> {
    let (timed, others) = places(messages);
    for (messages, delete) in [
        (timed, "delete from ballet.inbox where message_id = any($1)"),
        (others, "delete from ballet.inbox_other where message_id = any($1)"),
    ] {
        if !messages.is_empty() {
            sqlx::query(delete).bind(ids(&messages)).execute(&mut *db).await?;
        }
    }
    Ok(())
}

/// The messages that are kept by their time, and those that are kept apart. The first of several
/// with one id counts. Both have one order, since two batches with the same ids could deadlock.
fn places(messages: &[NewMessage]) -> (Vec<NewMessage>, Vec<NewMessage>) {
    let is_timed = |message: &NewMessage| !message.apart && id::is_timed(message.id.0);
    let mut places: (Vec<_>, Vec<_>) = messages.iter().copied().partition(is_timed);
    for messages in [&mut places.0, &mut places.1] {
        messages.sort_by_key(|message| message.id);
        messages.dedup_by_key(|message| message.id);
    }
    places
}

fn ids(messages: &[NewMessage]) -> Vec<Uuid> {
    messages.iter().map(|message| message.id.0).collect()
}

fn contents(messages: &[NewMessage]) -> Vec<i64> {
    messages.iter().map(|message| message.content).collect()
}

/// Sorts ids into the order of all locks, without duplicates.
fn sorted(ids: impl Iterator<Item = Uuid>) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Returns which of these messages were handled.
pub async fn handled(
    db: &mut PgConnection,
    ids: &[Uuid],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let handled = "select message_id from ballet.inbox where message_id = any($1) union all \
                   select message_id from ballet.inbox_other where message_id = any($1)";
    let handled: Vec<Uuid> = sqlx::query_scalar(handled).bind(ids).fetch_all(db).await?;
    Ok(handled.into_iter().map(MessageId).collect())
}

/// The inbox's knowledge of a message whose id is old.
#[derive(Debug, Clone, Copy)]
pub struct MessageMemory {
    /// Whether the inbox still has the messages of that time.
    pub of_its_time: partitions::PartitionMemory,
    /// Whether it was handled, and is kept with those of its time, or apart.
    pub handled: bool,
    pub handled_apart: bool,
    /// Whether it is noted as failing here, so it was not handled.
    pub failing: bool,
}

/// Looks up what is remembered of old messages, in their order.
pub async fn remembered(
    db: &mut PgConnection,
    limits: &Limits,
    ids: &[MessageId],
) -> Result<Vec<MessageMemory>, sqlx::Error> {
    let times: Vec<Timestamp> =
        ids.iter().map(|it| id::time_of(it.0).unwrap_or_default()).collect();
    let inbox = PartitionedTable::inbox(limits);
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
    let remembered = |(of_its_time, (handled, handled_apart, failing))| MessageMemory {
        of_its_time,
        handled,
        handled_apart,
        failing,
    };
    Ok(memories.into_iter().zip(rows).map(remembered).collect())
}
