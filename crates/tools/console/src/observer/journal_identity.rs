//! Detects another journal: the broker lost its end, or it was made again.

use std::sync::Arc;

use ballet_amqp::Broker;
use ballet_ops::stream::{LookupResult, at};
use ballet_store::database::connection::in_time;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::error::ConsoleError;
use crate::store::append::{self, ReadJournal};

/// At the place of the last entry the journal has another record, or none. Offsets alone would fit again later.
pub(crate) async fn is_another(
    db: &mut PgConnection,
    broker: &Arc<dyn Broker>,
) -> Result<bool, ConsoleError> {
    let read = in_time(append::read(&mut *db)).await?;
    let ReadJournal { next, stretches } = &read;
    let mut end = *next;
    for (index, (begins, offset)) in stretches.iter().copied().enumerate().rev() {
        if let Some((place, id)) = in_time(append::last_entry(&mut *db, begins..end)).await? {
            return Ok(!has(broker, place - begins + offset, Some(id)).await?);
        }
        end = end_of(&stretches[..index], offset);
    }
    Ok(!has(broker, next - 1 - read.shift(), None).await?)
}

/// Returns the place behind the last of these stretches, if the journal goes on with this offset in another one.
fn end_of(stretches: &[(i64, i64)], offset: i64) -> i64 {
    stretches.last().map_or(0, |(begins, first)| begins + offset - first)
}

/// Whether the journal has this message at this offset, or may have had it. Offsets before the first are of no message.
async fn has(
    broker: &Arc<dyn Broker>,
    offset: i64,
    id: Option<Uuid>,
) -> Result<bool, ConsoleError> {
    let Ok(offset) = u64::try_from(offset) else { return Ok(true) };
    Ok(match at(broker, offset).await? {
        LookupResult::Record(record) => {
            id.is_none_or(|id| record.members().iter().any(|one| one.known_as() == id))
        }
        LookupResult::Beyond => false,
        LookupResult::Gone => true,
    })
}

/// Goes on in another journal, behind the last entry that both have. What only the database has stays.
pub(crate) async fn go_on(pool: &PgPool, broker: &Arc<dyn Broker>) -> Result<(), ConsoleError> {
    let ReadJournal { next, mut stretches } = in_time(append::read(pool)).await?;
    let (mut end, mut offset) = (next, 0);
    // A stretch with a lost beginning is lost as a whole.
    while let Some((begins, first)) = stretches.pop() {
        // The journals agree before `shared`, and not at `lost`. Old entries are dropped.
        let (mut shared, mut from, mut lost) = (begins, begins, end);
        while from < lost {
            let middle = from + (lost - from) / 2;
            match in_time(append::last_entry(pool, begins..middle + 1)).await? {
                Some((place, id)) if !has(broker, place - begins + first, Some(id)).await? => {
                    lost = place;
                }
                Some(_) => (shared, from) = (middle + 1, middle + 1),
                None => from = middle + 1,
            }
        }
        if shared > begins {
            stretches.push((begins, first));
            offset = shared - begins + first;
            break;
        }
        end = end_of(&stretches, first);
    }
    stretches.push((next + 1, offset));
    let why = format!(
        "the journal has lost what it had from {offset} on, or was made anew: the console keeps what it has read of it, \
         which other tools do not see"
    );
    tracing::warn!("{why}");
    Ok(in_time(append::go_on_with(pool, &ReadJournal { next, stretches }, &why)).await?)
}
