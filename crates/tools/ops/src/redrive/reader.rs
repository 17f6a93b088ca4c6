//! Reads a dead-letter queue from end to end, and changes nothing.
//!
//! A message that is read stays unacknowledged, and returns to the queue when its connection ends. A queue read to its
//! end keeps its order.
//!
//! Each window of dead letters has its own channel, because RabbitMQ walks through a channel's earlier unacknowledged
//! messages at each acknowledgement: with 100,000 of them that takes milliseconds. A window of big dead letters has
//! few, so many windows share a connection.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, BrokerError, Delivery, FoundObject, Object, Session};
use futures_util::StreamExt;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;

/// Makes dead letters of a message: several of a pack.
pub(crate) type AsLetters = Arc<dyn Fn(&str, Delivery) -> Vec<DeadLetter> + Send + Sync>;

const TAG: &str = "ballet";
/// The first window shows how big the dead letters are.
const FIRST_WINDOW: u16 = 100;
const WIDEST_WINDOW: u16 = 4_000;
/// The maximum number of bytes under way to us.
const WINDOW_BYTES: usize = 16 * 1024 * 1024;
/// The maximum number of windows on a connection. RabbitMQ admits 2,047 channels, and its operator perhaps fewer.
const MOST_CHANNELS: usize = 100;
/// After this silence the queue may be at its end.
const QUIET: Duration = Duration::from_millis(100);
const READ_AHEAD: usize = 100;

/// The dead letters of a running reader, held until this is closed or dropped.
pub(crate) struct LetterReading {
    dead_letters: mpsc::Receiver<Result<DeadLetter, RedriveError>>,
    task: JoinHandle<()>,
    held: oneshot::Sender<()>,
}

impl LetterReading {
    /// Makes one of dead letters that another task reads.
    pub(crate) fn of(
        dead_letters: mpsc::Receiver<Result<DeadLetter, RedriveError>>,
        task: JoinHandle<()>,
    ) -> Self {
        Self { dead_letters, task, held: oneshot::channel().0 }
    }

    /// Returns the next one, or `None` at the end. Only [`close`](Self::close) says whether the queue was read to its
    /// end.
    pub(crate) async fn next(&mut self) -> Option<Result<DeadLetter, RedriveError>> {
        self.dead_letters.recv().await
    }

    /// Releases all that were not removed.
    ///
    /// # Errors
    ///
    /// If the reading task panicked before its end.
    pub(crate) async fn close(self) -> Result<(), RedriveError> {
        let Self { dead_letters, task, held } = self;
        drop((dead_letters, held));
        // The task only closes connections.
        task.await.map_err(|error| RedriveError::Reader(error.to_string()))
    }
}

/// Reads a service's dead letters.
pub(crate) fn read(
    broker: Arc<dyn Broker>,
    service: String,
    queue: String,
    letters: AsLetters,
) -> LetterReading {
    let (sender, dead_letters) = mpsc::channel(READ_AHEAD);
    let (held, released) = oneshot::channel::<()>();
    let task = tokio::spawn(async move {
        let mut reader = QueueReader {
            broker,
            service,
            queue,
            letters,
            sender,
            window_bytes: WINDOW_BYTES,
            connections: Vec::new(),
            windows: Vec::new(),
        };
        if let Err(error) = reader.run().await {
            // This fails only if the reading was dropped.
            reader.sender.send(Err(error.into())).await.ok();
        }
        let QueueReader { sender, windows, connections, .. } = reader;
        drop(sender);
        released.await.ok();
        // One after the other, so that the dead letters keep their order.
        for session in windows.into_iter().chain(connections) {
            session.close().await;
        }
    });
    LetterReading { dead_letters, task, held }
}

struct QueueReader {
    broker: Arc<dyn Broker>,
    service: String,
    queue: String,
    letters: AsLetters,
    sender: mpsc::Sender<Result<DeadLetter, RedriveError>>,
    window_bytes: usize,
    connections: Vec<Arc<dyn Session>>,
    /// Channels that hold the dead letters.
    windows: Vec<Arc<dyn Session>>,
}

impl QueueReader {
    /// Opens one consumer after the other, each for one window.
    async fn run(&mut self) -> Result<(), BrokerError> {
        let queue = self.queue.clone();
        let mut window = FIRST_WINDOW;
        loop {
            let session = self.open_window().await?;
            let mut deliveries = session.consume(&queue, TAG, window).await?;
            let (mut read, mut bytes) = (0, 0);
            let mut at_end = false;
            while read < usize::from(window) && !at_end {
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
                    Err(_) => at_end = is_read(&*session, &queue).await?,
                }
            }
            session.cancel(TAG).await?;
            // The broker sent these before it confirmed the cancel. A big one may take long, and acknowledgements make
            // room for more.
            while let Some(delivery) = deliveries.next().await {
                if !self.send(&session, delivery?).await {
                    return Ok(());
                }
            }
            if at_end {
                return Ok(());
            }
            window =
                bytes.checked_div(read).map_or(window, |size| next_window(self.window_bytes, size));
        }
    }

    async fn open_window(&mut self) -> Result<Arc<dyn Session>, BrokerError> {
        if self.windows.len() == self.connections.len() * MOST_CHANNELS {
            self.connections.push(self.broker.connect("ballet dead letters").await?);
        }
        let connection = self.connections.last().ok_or_else(|| ended(&self.queue))?;
        let window = connection.channel().await?;
        self.windows.push(Arc::clone(&window));
        Ok(window)
    }

    /// Returns false if the reading is gone.
    async fn send(&self, session: &Arc<dyn Session>, delivery: Delivery) -> bool {
        for dead_letter in (self.letters)(&self.service, delivery) {
            let held = dead_letter.held_by(Arc::clone(session));
            if self.sender.send(Ok(held)).await.is_err() {
                return false;
            }
        }
        true
    }
}

async fn is_read(session: &dyn Session, queue: &str) -> Result<bool, BrokerError> {
    let found = session.find(&Object::Queue(queue.to_owned())).await?;
    Ok(found.seen()?.is_none_or(|found| is_empty(&found)))
}

/// RabbitMQ reports a quorum queue as empty if counting takes more than 250 ms. Then our consumer is not counted,
/// either.
fn is_empty(found: &FoundObject) -> bool {
    found.messages == 0 && found.consumers > 0
}

fn next_window(window_bytes: usize, size: usize) -> u16 {
    let count = window_bytes / (size + 1024);
    u16::try_from(count).unwrap_or(WIDEST_WINDOW).clamp(1, WIDEST_WINDOW)
}

fn ended(queue: &str) -> BrokerError {
    BrokerError::Lost(format!("the broker cancelled the consumer of queue `{queue}`"))
}

#[cfg(test)]
mod tests {
    use ballet_amqp::{BasicProperties, Publish};
    use ballet_testkit::memory::MemoryBroker;

    use super::*;

    const QUEUE: &str = "hotel.dead";

    #[tokio::test]
    async fn big_dead_letters_have_many_windows_on_few_connections() {
        let broker = MemoryBroker::new();
        broker.queue(QUEUE);
        for number in 0..350 {
            broker.put(&Publish {
                exchange: String::new(),
                routing_key: QUEUE.to_owned(),
                mandatory: true,
                properties: BasicProperties::default(),
                body: number.to_string().into(),
            });
        }
        let (sender, mut dead_letters) = mpsc::channel(350);
        let mut reader = QueueReader {
            broker: Arc::new(broker.clone()),
            service: "hotel".to_owned(),
            queue: QUEUE.to_owned(),
            letters: Arc::new(|service, delivery| vec![DeadLetter::read(service, delivery)]),
            sender,
            // Each window after the first has one dead letter.
            window_bytes: 1,
            connections: Vec::new(),
            windows: Vec::new(),
        };
        reader.run().await.expect("read");
        for number in 0..350 {
            let next = dead_letters.recv().await.expect("another").expect("read");
            assert_eq!(next.text(), Some(&*number.to_string()));
        }
        assert!(reader.windows.len() > 250, "{}", reader.windows.len());
        let connections = broker.connections();
        let connections = connections.iter().filter(|name| *name == "ballet dead letters");
        assert_eq!(connections.count(), 3);
    }

    #[test]
    fn a_queue_that_does_not_count_our_consumer_is_not_empty() {
        let found = |messages, consumers| FoundObject { messages, consumers };
        assert!(is_empty(&found(0, 1)));
        assert!(!is_empty(&found(1, 1)));
        assert!(!is_empty(&found(0, 0)));
    }

    #[test]
    fn a_window_holds_many_small_dead_letters_and_few_big_ones() {
        assert_eq!(next_window(WINDOW_BYTES, 200), WIDEST_WINDOW);
        assert_eq!(next_window(WINDOW_BYTES, 1024 * 1024), 15);
        assert_eq!(next_window(WINDOW_BYTES, 100 * 1024 * 1024), 1);
    }
}
