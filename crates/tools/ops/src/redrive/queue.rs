//! Finds, counts and reads a service's dead-letter queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, FoundObject, Object, Session};
use ballet_core::topology::{UNROUTED, dead_queue};
use futures_util::StreamExt;
use tokio::time::{Instant, timeout};

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::reader::{self, AsLetters, LetterReading};
use crate::redrive::source::{LONGEST_PASS, MessageSource};

const CONNECTION: &str = "ballet dead letters";
const COUNT_TAG: &str = "ballet count";
/// The broker may take this long to count the messages of a queue.
const COUNT_TIMEOUT: Duration = Duration::from_secs(30);
/// Released dead letters return within this time. It passes in full only if another consumer takes some.
const RETURN_TIMEOUT: Duration = Duration::from_secs(5);
const RETURN_POLL: Duration = Duration::from_millis(50);
/// A pass holds unwanted messages of a retry queue, even expired ones.
const LONGEST_PASS_OF_RETRIES: Duration = Duration::from_secs(30);

/// What a dead-letter queue contains now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueStatus {
    /// The number of dead letters, without those that other readers hold.
    pub dead_letters: u64,
    /// The number of other readers. The dead letters that they hold are not counted.
    pub readers: u32,
}

/// The dead letters of one service; or the events that no service takes, or a retry queue, which has messages of all
/// services.
#[derive(Clone)]
pub struct DeadLetters {
    broker: Arc<dyn Broker>,
    service: String,
    name: String,
    letters: AsLetters,
    is_of_retries: bool,
}

impl MessageSource for DeadLetters {
    fn service(&self) -> &str {
        &self.service
    }

    async fn connect(&self) -> Result<Arc<dyn Session>, RedriveError> {
        Ok(self.broker.connect(CONNECTION).await?)
    }

    async fn check(&self, session: &dyn Session) -> Result<(), RedriveError> {
        self.find(session).await.map(drop)
    }

    fn longest_pass(&self) -> Option<Duration> {
        Some(if self.is_of_retries { LONGEST_PASS_OF_RETRIES } else { LONGEST_PASS })
    }

    fn read(&self) -> LetterReading {
        reader::read(
            Arc::clone(&self.broker),
            self.service.clone(),
            self.name.clone(),
            self.letters.clone(),
        )
    }

    async fn wait_until_returned(&self, released: u64) -> Result<(), RedriveError> {
        // Due messages of a retry queue go to their service, and do not return.
        if self.is_of_retries { Ok(()) } else { self.wait_for_return(released).await }
    }

    async fn holds_more_than(&self, left: u64) -> Result<bool, RedriveError> {
        let session = self.connect().await?;
        let counted = self.count_on(&*session).await;
        session.close().await;
        match counted {
            Ok(counted) => Ok(counted.dead_letters > left),
            // All is sent already. The inbox drops what is sent twice.
            Err(RedriveError::Broker(error)) if error.is_loss() => {
                tracing::warn!("the dead letters that are left could not be counted: {error}");
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

impl DeadLetters {
    /// A handle on the dead letters of `service`. This does not connect yet.
    pub fn new(broker: impl Broker + 'static, service: impl Into<String>) -> Self {
        Self::on(Arc::new(broker), service)
    }

    /// Like [`new`](Self::new), on a shared broker.
    pub fn on(broker: Arc<dyn Broker>, service: impl Into<String>) -> Self {
        let service = service.into();
        let name = dead_queue(&service);
        let letters: AsLetters = Arc::new(|of, delivery| vec![DeadLetter::read(of, delivery)]);
        Self { broker, name, service, letters, is_of_retries: false }
    }

    pub(crate) fn of_unrouted(broker: Arc<dyn Broker>, letters: AsLetters) -> Self {
        let name = UNROUTED.to_owned();
        let service = name.clone();
        Self { broker, service, name, letters, is_of_retries: false }
    }

    pub(crate) fn of_retries(broker: &Arc<dyn Broker>, name: &str) -> Self {
        let (broker, name) = (Arc::clone(broker), name.to_owned());
        let service = name.clone();
        let letters: AsLetters = Arc::new(|of, delivery| vec![DeadLetter::waiting(of, delivery)]);
        Self { broker, service, name, letters, is_of_retries: true }
    }

    /// Waits until released dead letters are back. Until the broker notices that their connection is gone, the next
    /// reader misses them.
    async fn wait_for_return(&self, released: u64) -> Result<(), RedriveError> {
        if released == 0 {
            return Ok(());
        }
        let session = self.connect().await?;
        let end = Instant::now() + RETURN_TIMEOUT;
        let mut poll = tokio::time::interval(RETURN_POLL);
        while Instant::now() < end {
            poll.tick().await;
            if u64::from(self.find(&*session).await?.messages) >= released {
                break;
            }
        }
        session.close().await;
        Ok(())
    }

    /// Returns the name of the service.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Passes every dead letter to `each`, in order, and leaves it there. Meanwhile other readers do not see them.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn browse(&self, mut each: impl FnMut(DeadLetter)) -> Result<(), RedriveError> {
        let session = self.connect().await?;
        let found = self.find(&*session).await;
        session.close().await;
        found?;
        let mut reading = self.read();
        let (mut read, mut failed) = (0, None);
        while let Some(next) = reading.next().await {
            match next {
                Ok(dead_letter) => {
                    read += dead_letter.messages();
                    each(dead_letter);
                }
                Err(error) => failed = Some(error),
            }
        }
        let closed = reading.close().await;
        if let Some(error) = failed {
            return Err(error);
        }
        closed?;
        self.wait_for_return(read).await
    }

    /// Fails if there is no such queue.
    pub(crate) async fn find(&self, session: &dyn Session) -> Result<FoundObject, RedriveError> {
        let queue = self.name.clone();
        let found = session.find(&Object::Queue(queue.clone())).await?;
        found.seen()?.ok_or_else(|| RedriveError::NoQueue {
            service: self.service.clone(),
            queue,
            vhost: session.peer().vhost.clone(),
        })
    }

    /// Counts the dead letters.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn status(&self) -> Result<QueueStatus, RedriveError> {
        let session = self.connect().await?;
        let status = self.status_on(&*session).await;
        session.close().await;
        status
    }

    async fn status_on(&self, session: &dyn Session) -> Result<QueueStatus, RedriveError> {
        let found = self.find(session).await?;
        if found.messages > 0 || found.consumers > 0 {
            return Ok(status(&found, found.consumers));
        }
        // The queue is empty, or the broker could not count it.
        self.count_on(session).await
    }

    /// Once the broker reports our consumer, its count is right, and messages of ended connections are back.
    async fn count_on(&self, session: &dyn Session) -> Result<QueueStatus, RedriveError> {
        let queue = self.name.clone();
        let mut deliveries = session.consume(&queue, COUNT_TAG, 1).await?;
        let counted = timeout(COUNT_TIMEOUT, async {
            loop {
                let found = self.find(session).await?;
                // Our consumer is one of them; others may be leaving.
                if found.consumers > 0 {
                    return Ok::<_, RedriveError>(status(&found, found.consumers - 1));
                }
            }
        });
        let slow = || {
            let seconds = COUNT_TIMEOUT.as_secs();
            BrokerError::Lost(format!(
                "the broker did not say within {seconds} s what is in queue `{queue}`"
            ))
        };
        let mut counted = counted.await.map_err(|_| slow())??;
        session.cancel(COUNT_TAG).await?;
        while let Some(delivery) = deliveries.next().await {
            delivery?;
            counted.dead_letters += 1;
        }
        Ok(counted)
    }
}

impl fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("service", &self.service).finish_non_exhaustive()
    }
}

fn status(found: &FoundObject, readers: u32) -> QueueStatus {
    QueueStatus { dead_letters: found.messages.into(), readers }
}
