//! Detects a new journal with the name of the one that was read before and was deleted.

use std::sync::Arc;

use ballet_amqp::Broker;
use ballet_store::database::connection::in_time;
use ballet_stream::{LookupResult, at};
use sqlx::PgExecutor;

use crate::error::ConsoleError;
use crate::store::append;

/// Whether the journal differs from the one that the database has read: at the place of the last entry it has another
/// record, or none. Offsets alone would fit again once the new one has grown.
pub(crate) async fn is_another(
    db: impl PgExecutor<'_>,
    broker: &Arc<dyn Broker>,
) -> Result<bool, ConsoleError> {
    let (next, last) = in_time(append::read(db)).await?;
    let place = last.map_or(next - 1, |(place, _)| place);
    // Nothing has been read yet.
    let Ok(place) = u64::try_from(place) else { return Ok(false) };
    Ok(match at(broker, place).await? {
        LookupResult::Record(record) => last.is_some_and(|(_, id)| record.known_as() != id),
        LookupResult::Beyond => true,
        LookupResult::Gone => false,
    })
}
