//! The inbox: the messages that this service has handled.
//!
//! The row commits together with the handlers' effects, so a message takes effect once, no matter
//! how often it is delivered.

use std::collections::HashSet;

use ballet_core::{MessageId, SagaId};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::tables::ledger::{Ledger, split};
use crate::tables::locks;

const RECEIVE: &str = "select message_id, saga_id, step, key, entry, arrived, ordinal \
     from ballet.receive($1, $2, $3, $4, $5)";

/// Starts a transaction on sagas: takes their locks first, then records the messages and reads the
/// ledger of the sagas. Returns the messages that are new. Waits for a message that another
/// transaction is handling.
pub(crate) async fn receive(
    db: &mut PgConnection,
    ledger: &mut Ledger,
    sagas: &[SagaId],
    messages: &[MessageId],
) -> Result<HashSet<MessageId>, sqlx::Error> {
    let mut fresh = HashSet::with_capacity(messages.len());
    if sagas.is_empty() && messages.is_empty() {
        return Ok(fresh);
    }
    let (timed_ids, other_ids) = sorted(messages.iter().map(|id| id.0));
    let (timed_sagas, other_sagas) = sorted(sagas.iter().map(|saga| saga.0));
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
    messages: &[MessageId],
) -> Result<(), sqlx::Error> {
    let (timed, others) = sorted(messages.iter().map(|id| id.0));
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

/// Splits ids into those with a time and those without, and sorts both. Without one order
/// everywhere, two batches with the same ids could deadlock.
fn sorted(ids: impl Iterator<Item = Uuid>) -> (Vec<Uuid>, Vec<Uuid>) {
    let (mut timed, mut others) = split(ids, |id| *id);
    for ids in [&mut timed, &mut others] {
        ids.sort_unstable();
        ids.dedup();
    }
    (timed, others)
}
