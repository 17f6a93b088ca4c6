//! One message of the journal at a known offset. It distinguishes the journal from another of the same name, whose
//! offsets fit again once it has grown.

use std::sync::Arc;

use ballet_amqp::{Broker, StreamStart};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::stream::journal::end::{FIRST_LIMIT, consume, last};
use crate::stream::journal::error::JournalError;
use crate::stream::journal::records::{CONNECTION, is_undeliverable};
use crate::stream::record::Record;

/// The result of a look at an offset of the journal.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are records")]
pub enum LookupResult {
    /// The message.
    Record(Record),
    /// The offset is beyond the end of the journal.
    Beyond,
    /// The message is gone: dropped, or readable by nobody.
    Gone,
}

/// Returns the journal's message at this offset.
///
/// # Errors
///
/// If the broker does not answer or refuses.
pub async fn at(broker: &Arc<dyn Broker>, offset: u64) -> Result<LookupResult, JournalError> {
    // A message that is not there yet would never be delivered.
    match last(broker).await {
        Ok(Some(last)) if last.offset == Some(offset) => return Ok(LookupResult::Record(last)),
        Ok(Some(last)) if last.offset.is_some_and(|last| offset < last) => {}
        Ok(_) => return Ok(LookupResult::Beyond),
        // The last messages cannot be delivered. This one may be before them.
        Err(JournalError::NoEnd) => {}
        Err(error) => return Err(error),
    }
    let session = broker.connect(CONNECTION).await?;
    let found = async {
        let mut deliveries = consume(&*session, StreamStart::Offset(offset), 1).await?;
        let Ok(Some(next)) = timeout(FIRST_LIMIT, deliveries.next()).await else {
            return Ok(LookupResult::Gone);
        };
        match next.map(Record::from) {
            Ok(record) if record.offset == Some(offset) => Ok(LookupResult::Record(record)),
            Ok(_) => Ok(LookupResult::Gone),
            Err(error) if is_undeliverable(&error) => Ok(LookupResult::Gone),
            Err(error) => Err(error.into()),
        }
    };
    let found = found.await;
    session.close().await;
    found
}
