//! The journal's range: its beginning, and whether messages are lost that its policy promises to keep.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, StreamStart};
use ballet_core::topology::JOURNAL_DAYS;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::stream::journal::end::oldest;
use crate::stream::journal::error::JournalError;
use crate::stream::journal::records::{JournalRecords, is_undeliverable};
use crate::stream::record::Record;

/// How many messages are searched for one with a time, which other producers may leave out.
const LOOKED_AT: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(30);
/// Clocks differ, and the broker forgets whole segments.
const ROUGHLY: SignedDuration = SignedDuration::from_mins(10);

/// Returns the time from which the journal is complete. `None` if it has its first message, or no message has a time.
///
/// # Errors
///
/// If the broker does not answer or refuses.
pub async fn begins(broker: &Arc<dyn Broker>) -> Result<Option<Timestamp>, JournalError> {
    match oldest(&**broker).await {
        Ok(None | Some(Record { offset: Some(0), .. })) => return Ok(None),
        Ok(Some(Record { time: Some(time), .. })) => return Ok(Some(time)),
        Ok(Some(_)) => {}
        Err(JournalError::Broker(error)) if is_undeliverable(&error) => {}
        Err(error) => return Err(error),
    }
    let mut records = JournalRecords::new(Arc::clone(broker), StreamStart::Offset(0));
    let first = async {
        for _ in 0..LOOKED_AT {
            match Record::from(records.next().await?) {
                Record { offset: Some(0), .. } => return Ok(None),
                Record { time: Some(time), .. } => return Ok(Some(time)),
                _ => {}
            }
        }
        Ok(None)
    };
    // If none can be delivered, there is silence.
    let first = timeout(LIMIT, first).await.unwrap_or(Ok(None));
    records.disconnect().await;
    first
}

/// Returns the time from which the journal is complete, if its policy promises an earlier one: too much was published,
/// or the policy was changed. `None` if it is complete.
///
/// # Errors
///
/// If the broker does not answer or refuses.
pub async fn begins_too_late(
    broker: &Arc<dyn Broker>,
    now: Timestamp,
) -> Result<Option<Timestamp>, JournalError> {
    let promised = now - SignedDuration::from_hours(24 * JOURNAL_DAYS);
    Ok(begins(broker).await?.filter(|begins| *begins > promised + ROUGHLY))
}
