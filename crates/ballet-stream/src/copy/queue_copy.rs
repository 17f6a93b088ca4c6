//! A queue of our own with the bindings of another queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Backoff, Broker, BrokerError, CopyQueue, Deliveries, Lookup, Object, Session};
use ballet_core::topology::{Binding, COPY, COPY_EXPIRES, MOST_COPIED_BYTES, MOST_COPIES};
use futures_util::StreamExt;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::copy::buffer::Buffer;
use crate::copy::copy_item::CopyItem;
use crate::journal::error::JournalError;
use crate::record::Record;

/// The name of our connections.
const CONNECTION: &str = "ballet tap";
/// The prefetch. The queue cannot drop messages that are on their way to us.
const PREFETCH: u16 = 200;
const ACK_EVERY: u64 = 50;
/// The least time between two looks at the number of messages that wait at the broker.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Copies of the messages that enter a queue from now on, by the bindings of that queue. The broker keeps few of
/// them, so a slow reader fills neither its memory nor its disk.
pub struct QueueCopy {
    buffer: Arc<Buffer>,
    task: JoinHandle<()>,
}

impl QueueCopy {
    /// Makes a queue with these bindings, which is deleted with the connection, however that ends. Its name contains
    /// the id, so that two taps of one queue have separate queues.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, has no such queue, or the user may not do this.
    pub async fn open(
        broker: Arc<dyn Broker>,
        queue: &str,
        bindings: &[Binding],
        id: Uuid,
    ) -> Result<Self, JournalError> {
        let bindings = bindings.iter().map(|it| (it.source.clone(), it.key.clone())).collect();
        let mut wanted = CopyRequest { broker, queue: queue.to_owned(), bindings, id, attempts: 0 };
        let opened = wanted.open().await?;
        let (most, most_bytes) = (MOST_COPIES as usize, MOST_COPIED_BYTES as usize);
        let buffer = Arc::new(Buffer::new(most, most_bytes));
        let task = tokio::spawn(fill(wanted, opened, Arc::clone(&buffer)));
        Ok(Self { buffer, task })
    }

    /// Returns the next message, or a notice. It waits without limit. Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// If the broker refuses. After a lost connection it tries again.
    pub async fn next(&self) -> Result<CopyItem, JournalError> {
        self.buffer.next().await
    }

    /// Ends the copy. Returns the number of dropped messages that no notice has reported.
    pub fn close(self) -> u64 {
        self.task.abort();
        self.buffer.dropped()
    }
}

impl fmt::Debug for QueueCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueueCopy").finish_non_exhaustive()
    }
}

/// The copy to make: its queue and the bindings of that queue.
struct CopyRequest {
    broker: Arc<dyn Broker>,
    queue: String,
    bindings: Vec<(String, String)>,
    id: Uuid,
    attempts: u64,
}

struct OpenedCopy {
    session: Arc<dyn Session>,
    name: String,
    deliveries: Deliveries,
}

impl CopyRequest {
    async fn open(&mut self) -> Result<OpenedCopy, JournalError> {
        let session = self.broker.connect(CONNECTION).await?;
        let opened = self.open_on(&session).await;
        if opened.is_err() {
            session.close().await;
        }
        opened
    }

    async fn open_on(&mut self, session: &Arc<dyn Session>) -> Result<OpenedCopy, JournalError> {
        let vhost = &session.peer().vhost;
        let object = Object::Queue(self.queue.clone());
        if session.find(&object).await? == Lookup::Absent {
            return Err(JournalError::NoQueue { queue: self.queue.clone(), vhost: vhost.clone() });
        }
        // The broker may not have noticed yet that the last connection is gone.
        self.attempts += 1;
        let name = format!("{COPY}.{}.{}.{}", self.queue, self.id, self.attempts);
        let copy = CopyQueue {
            name: name.clone(),
            bindings: self.bindings.clone(),
            most_messages: MOST_COPIES,
            most_bytes: MOST_COPIED_BYTES,
            expires: COPY_EXPIRES,
        };
        let consumed = async {
            session.declare_copy(&copy).await?;
            session.consume(&name, CONNECTION, PREFETCH).await
        };
        let deliveries = consumed.await.map_err(|error| match error {
            BrokerError::ChannelClosed { code: 403 | 404, text } => JournalError::NoCopy {
                queue: self.queue.clone(),
                vhost: vhost.clone(),
                reason: text,
            },
            error => error.into(),
        })?;
        Ok(OpenedCopy { session: Arc::clone(session), name, deliveries })
    }
}

/// Reads at full speed, and connects again, until it is aborted or refused.
async fn fill(mut wanted: CopyRequest, mut opened: OpenedCopy, buffer: Arc<Buffer>) {
    loop {
        let error = read(&mut opened, &buffer).await;
        if !error.is_loss() {
            return buffer.end(error.into());
        }
        buffer.notice(CopyItem::Lost(error));
        let mut backoff = Backoff::default();
        opened = loop {
            tokio::time::sleep(backoff.wait()).await;
            match wanted.open().await {
                Ok(opened) => break opened,
                Err(JournalError::Broker(error)) if error.is_loss() => {}
                Err(error) => return buffer.end(error),
            }
        };
        buffer.notice(CopyItem::Back);
    }
}

/// Reads until the connection ends.
async fn read(opened: &mut OpenedCopy, buffer: &Buffer) -> BrokerError {
    let OpenedCopy { session, name, deliveries } = opened;
    let queue = Object::Queue(name.clone());
    let (mut looked, mut was_full) = (None::<Instant>, false);
    let (mut count, mut bytes) = (0_u64, 0_u64);
    loop {
        let delivery = match deliveries.next().await {
            Some(Ok(delivery)) => delivery,
            Some(Err(error)) => return error,
            None => return BrokerError::Lost("the queue with the copies ended".to_owned()),
        };
        count += 1;
        bytes += delivery.body.len() as u64;
        if delivery.tag.is_multiple_of(ACK_EVERY) {
            // The look comes before the broker may send more: while we read nothing, the queue stays as full as it
            // was.
            if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                looked = Some(Instant::now());
                let ready = match session.find(&queue).await {
                    // A user who may make this queue may count it; a missing queue ends the copies elsewhere.
                    Ok(found) => found.messages().unwrap_or_default(),
                    Err(error) => return error,
                };
                let is_full = may_drop(ready, bytes / count);
                if is_full && !was_full {
                    buffer.notice(CopyItem::MayBeDropped);
                }
                was_full = is_full;
            }
            if let Err(error) = session.ack(delivery.tag, true).await {
                return error;
            }
        }
        buffer.add(Record::from(delivery));
    }
}

/// Whether the queue of the copies may have dropped messages, with this many waiting. The broker counts bytes, but
/// does not report them over AMQP.
fn may_drop(ready: u32, mean_size: u64) -> bool {
    ready >= MOST_COPIES - u32::from(PREFETCH)
        || u64::from(ready) * mean_size >= u64::from(MOST_COPIED_BYTES) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_is_nearly_full_may_have_dropped_some() {
        assert!(!may_drop(0, 1_000_000));
        assert!(!may_drop(9_000, 100));
        assert!(may_drop(9_900, 100));
        assert!(may_drop(100, 400_000));
    }
}
