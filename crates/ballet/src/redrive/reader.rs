//! Reading a dead-letter queue from end to end without taking anything out of it.
//!
//! What is read stays unacknowledged, and lies in the queue again as soon as the connection ends,
//! however that comes. Read to its end, the queue keeps its order.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::topology::dead_queue;
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::Letter;
use crate::broker::{BrokerError, Delivery, Found, Object, Session};

/// The first look tells how big the letters are.
const FIRST_WINDOW: u16 = 100;
const WIDEST_WINDOW: u16 = 10_000;
/// How much may be on its way to us at a time.
const IN_MEMORY: usize = 16 * 1024 * 1024;
/// Nothing comes for so long: perhaps that was all.
const QUIET: Duration = Duration::from_millis(100);
/// Read, and not looked at yet.
const AHEAD: usize = 100;

pub(super) type Letters = mpsc::Receiver<Result<Letter, BrokerError>>;

/// Reads all of a service's letters; ends when there are no more, or with the receiver.
pub(super) fn read(session: Arc<dyn Session>, service: String) -> Letters {
    let (sender, letters) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        let reader = Reader { session, service, sender: sender.clone() };
        if let Err(error) = reader.run().await {
            // Whoever is gone has no need to know.
            sender.send(Err(error)).await.ok();
        }
    });
    letters
}

struct Reader {
    session: Arc<dyn Session>,
    service: String,
    sender: mpsc::Sender<Result<Letter, BrokerError>>,
}

impl Reader {
    /// One consumer after the other: each is sent a window of letters that it may keep.
    async fn run(&self) -> Result<(), BrokerError> {
        let queue = dead_queue(&self.service);
        let mut window = FIRST_WINDOW;
        for number in 1_u32.. {
            // What is not acknowledged returns in the order of these names.
            let tag = format!("ballet {number:06}");
            let mut deliveries = self.session.consume(&queue, &tag, window).await?;
            let (mut left, mut bytes) = (window, 0);
            while left > 0 {
                match timeout(QUIET, deliveries.next()).await {
                    Ok(Some(delivery)) => {
                        let delivery = delivery?;
                        left -= 1;
                        bytes += delivery.body.len();
                        if !self.send(delivery).await {
                            return Ok(());
                        }
                    }
                    Ok(None) => return Err(ended(&queue)),
                    Err(_) if self.is_read(&queue).await? => {
                        // What was just on its way when the broker was asked.
                        match timeout(QUIET, deliveries.next()).await {
                            Err(_) => return Ok(()),
                            Ok(Some(delivery)) => {
                                left -= 1;
                                if !self.send(delivery?).await {
                                    return Ok(());
                                }
                            }
                            Ok(None) => return Err(ended(&queue)),
                        }
                    }
                    Err(_) => {}
                }
            }
            self.session.cancel(&tag).await?;
            // What was acknowledged meanwhile made room for more.
            while let Some(delivery) = deliveries.next().await {
                if !self.send(delivery?).await {
                    return Ok(());
                }
            }
            window = next_window(bytes / usize::from(window));
        }
        Ok(())
    }

    async fn is_read(&self, queue: &str) -> Result<bool, BrokerError> {
        let found = self.session.find(&Object::Queue(queue.to_owned())).await?;
        Ok(found.is_none_or(|found| is_empty(&found)))
    }

    async fn send(&self, delivery: Delivery) -> bool {
        self.sender.send(Ok(Letter::read(&self.service, delivery))).await.is_ok()
    }
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
