//! Reading a dead-letter queue from end to end without taking anything out of it.
//!
//! What is read stays unacknowledged, and lies in the queue again as soon as its connection ends,
//! however that comes. Read to its end, the queue keeps its order.
//!
//! Each window of letters comes on a connection of its own: to find the letter that an
//! acknowledgement is for, RabbitMQ walks through all that is unacknowledged before it on the same
//! channel, so that with 100,000 letters on one channel each would take milliseconds.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::dead_queue;
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Letter;
use ballet_amqp::{Broker, BrokerError, Delivery, Found, Object, Session};

/// The first look tells how big the letters are.
const FIRST_WINDOW: u16 = 100;
const WIDEST_WINDOW: u16 = 4_000;
/// How much may be on its way to us at a time.
const IN_MEMORY: usize = 16 * 1024 * 1024;
/// Nothing comes for so long: perhaps that was all.
const QUIET: Duration = Duration::from_millis(100);
/// Read, and not looked at yet.
const AHEAD: usize = 100;

/// Letters as they are read. They are held until this is closed or dropped.
pub(super) struct Letters {
    letters: mpsc::Receiver<Result<Letter, BrokerError>>,
    reading: JoinHandle<()>,
    held: oneshot::Sender<()>,
}

impl Letters {
    /// The next one; `None` when there are no more.
    pub(super) async fn next(&mut self) -> Option<Result<Letter, BrokerError>> {
        self.letters.recv().await
    }

    /// Lets go of all that were not removed.
    pub(super) async fn close(self) {
        let Self { letters, reading, held } = self;
        drop((letters, held));
        // It only closes connections.
        reading.await.ok();
    }
}

/// Reads all of a service's letters.
pub(super) fn read(broker: Arc<dyn Broker>, service: String) -> Letters {
    let (sender, letters) = mpsc::channel(AHEAD);
    let (held, over) = oneshot::channel::<()>();
    let reading = tokio::spawn(async move {
        let mut reader = Reader { broker, service, sender, sessions: Vec::new() };
        if let Err(error) = reader.run().await {
            // Whoever is gone has no need to know.
            reader.sender.send(Err(error)).await.ok();
        }
        let Reader { sender, sessions, .. } = reader;
        drop(sender);
        over.await.ok();
        // One after the other, so that the letters return in their order.
        for session in sessions {
            session.close().await;
        }
    });
    Letters { letters, reading, held }
}

struct Reader {
    broker: Arc<dyn Broker>,
    service: String,
    sender: mpsc::Sender<Result<Letter, BrokerError>>,
    /// What holds the letters.
    sessions: Vec<Arc<dyn Session>>,
}

impl Reader {
    /// One consumer after the other: each is sent a window of letters that it may keep.
    async fn run(&mut self) -> Result<(), BrokerError> {
        let queue = dead_queue(&self.service);
        let mut window = FIRST_WINDOW;
        loop {
            let session = self.broker.connect("ballet dead letters").await?;
            self.sessions.push(Arc::clone(&session));
            let mut deliveries = session.consume(&queue, TAG, window).await?;
            let (mut read, mut bytes) = (0, 0);
            let mut all = false;
            while read < usize::from(window) && !all {
                match timeout(QUIET, deliveries.next()).await {
                    Ok(Some(delivery)) => {
                        let delivery = delivery?;
                        read += 1;
                        bytes += delivery.body.len();
                        if !self.send(&session, delivery).await {
                            return Ok(());
                        }
                    }
                    Ok(None) => return Err(ended(&queue)),
                    Err(_) => all = is_read(&*session, &queue).await?,
                }
            }
            session.cancel(TAG).await?;
            // What was on its way, which may take long for a big letter, and what acknowledgements
            // made room for. The broker's answer to the cancel came behind it.
            while let Some(delivery) = deliveries.next().await {
                if !self.send(&session, delivery?).await {
                    return Ok(());
                }
            }
            if all {
                return Ok(());
            }
            window = bytes.checked_div(read).map_or(window, next_window);
        }
    }

    async fn send(&self, session: &Arc<dyn Session>, delivery: Delivery) -> bool {
        let letter = Letter::read(&self.service, delivery).held_by(Arc::clone(session));
        self.sender.send(Ok(letter)).await.is_ok()
    }
}

const TAG: &str = "ballet";

async fn is_read(session: &dyn Session, queue: &str) -> Result<bool, BrokerError> {
    let found = session.find(&Object::Queue(queue.to_owned())).await?;
    Ok(found.is_none_or(|found| is_empty(&found)))
}

/// RabbitMQ says that a quorum queue has nothing also when it cannot find out within 250 ms. Then it
/// does not count our consumer either.
fn is_empty(found: &Found) -> bool {
    found.messages == 0 && found.consumers > 0
}

/// As many letters of this size as may be in memory.
fn next_window(size: usize) -> u16 {
    let letters = IN_MEMORY / (size + 1024);
    u16::try_from(letters).unwrap_or(WIDEST_WINDOW).clamp(1, WIDEST_WINDOW)
}

fn ended(queue: &str) -> BrokerError {
    BrokerError::Lost(format!("the broker ended the reading of queue `{queue}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_does_not_even_know_us_is_not_taken_for_empty() {
        let found = |messages, consumers| Found { messages, consumers };
        assert!(is_empty(&found(0, 1)));
        assert!(!is_empty(&found(1, 1)));
        assert!(!is_empty(&found(0, 0)));
    }

    #[test]
    fn a_window_holds_many_small_letters_and_few_big_ones() {
        assert_eq!(next_window(200), WIDEST_WINDOW);
        assert_eq!(next_window(1024 * 1024), 15);
        assert_eq!(next_window(100 * 1024 * 1024), 1);
    }
}
