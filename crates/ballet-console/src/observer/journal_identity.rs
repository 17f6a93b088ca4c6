//! Detects a journal that is not the one that was read before: the broker has lost its end, or it was made anew.

use std::sync::Arc;

use ballet_amqp::Broker;
use ballet_store::database::connection::in_time;
use ballet_stream::{LookupResult, at};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::ConsoleError;
use crate::store::append::{self, ReadJournal};

/// Whether the journal differs from the one that the database has read: at the place of the last entry it has another
/// record, or none. Offsets alone would fit again once the new one has grown.
pub(crate) async fn is_another(
    db: &mut PgConnection,
    broker: &Arc<dyn Broker>,
) -> Result<bool, ConsoleError> {
    let ReadJournal { next, shift, .. } = in_time(append::read(&mut *db)).await?;
    let there = match in_time(append::entry_before(db, next)).await? {
        Some((place, id)) => has(broker, place - shift, Some(id)).await?,
        None => has(broker, next - 1 - shift, None).await?,
    };
    Ok(!there)
}

/// Whether the journal has this message at this offset, or may have had it. Offsets before the first are of no message.
async fn has(
    broker: &Arc<dyn Broker>,
    offset: i64,
    id: Option<Uuid>,
) -> Result<bool, ConsoleError> {
    let Ok(offset) = u64::try_from(offset) else { return Ok(true) };
    Ok(match at(broker, offset).await? {
        LookupResult::Record(record) => id.is_none_or(|id| record.known_as() == id),
        LookupResult::Beyond => false,
        LookupResult::Gone => true,
    })
}

/// Goes on in another journal, behind the last entry that both have. What only the database has stays.
pub(crate) async fn go_on(pool: &PgPool, broker: &Arc<dyn Broker>) -> Result<(), ConsoleError> {
    let ReadJournal { next, shift, begins } = in_time(append::read(pool)).await?;
    // The journals agree on what is before `shared`, and not on what is at `end`.
    let (mut shared, mut end) = (begins, next);
    while shared < end {
        let middle = shared + (end - shared) / 2;
        match in_time(append::entry_before(pool, middle + 1)).await? {
            Some((place, id)) if !has(broker, place - shift, Some(id)).await? => end = place,
            _ => shared = middle + 1,
        }
    }
    let offset = shared.min(next) - shift;
    let why = format!(
        "the journal has lost what it had from {offset} on, or was made anew: the console keeps what it has read of it, \
         which other tools do not see"
    );
    tracing::warn!("{why}");
    Ok(in_time(append::go_on_at(pool, next, offset, &why)).await?)
}
