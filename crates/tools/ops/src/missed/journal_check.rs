//! Checks whether the journal has what the databases know as published. A broker that crashes loses the end of a stream.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crate::stream::{JournalItem, JournalReader, Notice, Start, end};
use ballet_amqp::Broker;
use ballet_core::id::time_of;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::missed::journal::SKEW;
use crate::missed::ledgers::told;
use crate::redrive::error::RedriveError;

/// A crash loses the newest events, so only these are looked for.
const NEWEST: i64 = 20;
/// An event may be published long after its commit, so it counts as lost only once the journal is read to its end.
pub(crate) const LONGEST: Duration = Duration::from_secs(20);

/// Published events that the journal lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JournalLoss {
    /// The time of the first one.
    pub(crate) since: Timestamp,
    /// How many are missing, of how many looked for.
    pub(crate) lacks: (usize, usize),
    /// Whether the journal was read to its end.
    pub(crate) is_certain: bool,
}

/// Looks in the journal for the last events that services published before the broker, or the journal, started.
///
/// # Errors
///
/// If the broker does not answer, or denies access.
pub(crate) async fn lost_before(
    broker: &Arc<dyn Broker>,
    databases: &[(String, PgConnectOptions)],
    until: Timestamp,
) -> Result<Option<JournalLoss>, RedriveError> {
    let (told, _) = told(databases, (Timestamp::UNIX_EPOCH, until), Some(NEWEST), &mut []).await;
    let mut newest: Vec<(Timestamp, Uuid)> =
        told.into_iter().filter_map(|id| Some((time_of(id.0)?, id.0))).collect();
    newest.sort_unstable_by(|one, other| other.cmp(one));
    newest.truncate(usize::try_from(NEWEST).unwrap_or_default());
    let Some((first, _)) = newest.last() else { return Ok(None) };
    // Afterwards: what is published by now is before the end.
    let end = end(broker).await?;
    let mut left: HashSet<Uuid> = newest.iter().map(|(_, id)| *id).collect();
    let mut is_certain = end.is_none();
    if !is_certain {
        let ends = Instant::now() + LONGEST;
        let mut reader =
            JournalReader::open(Arc::clone(broker), Start::Time(*first - SKEW)).await?;
        while !is_certain && !left.is_empty() {
            let Ok(next) = timeout_at(ends, reader.next_until(end)).await else { break };
            match next? {
                Some(JournalItem::Record(record)) => {
                    left.remove(&record.known_as());
                }
                Some(JournalItem::Notice(Notice::Lost(error))) => return Err(error.into()),
                Some(JournalItem::Notice(_)) => {}
                None => is_certain = true,
            }
        }
        reader.close().await;
    }
    let since = newest.iter().filter(|(_, id)| left.contains(id)).map(|(at, _)| *at).min();
    Ok(since.map(|since| JournalLoss { since, lacks: (left.len(), newest.len()), is_certain }))
}
