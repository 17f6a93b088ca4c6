//! The range that the journal still has: where it begins, and whether it has lost what its policy promises to keep.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, StreamStart};
use ballet_core::topology::JOURNAL_DAYS;
use jiff::{SignedDuration, Timestamp};
use tokio::time::timeout;

use crate::journal::end::oldest;
use crate::journal::error::JournalError;
use crate::journal::records::{Records, is_undeliverable};
use crate::record::Record;

/// Messages of other producers may have no time. This many are searched for one that has.
const LOOKED_AT: usize = 1_000;
/// They come well within this time.
const LIMIT: Duration = Duration::from_secs(30);
/// The clocks of producers, broker and readers differ, and the broker forgets whole segments.
const ROUGHLY: SignedDuration = SignedDuration::from_mins(10);

/// The time from which the journal has everything; `None` if it still has its first message, or if no message
/// tells its time.
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
    let mut records = Records::new(Arc::clone(broker), StreamStart::Offset(0), BTreeSet::new());
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
    // If none of them can be delivered, there is silence.
    let first = timeout(LIMIT, first).await.unwrap_or(Ok(None));
    records.close().await;
    first
}

/// The time from which the journal has everything, if that is later than its policy promises: it has lost what
/// is older, because too much was published, or because somebody changed the policy. `None` if all is there.
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
