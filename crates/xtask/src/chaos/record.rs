//! Everything that is published, kept in a queue of our own and read from it whatever breaks.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::Event;
use ballet::core::topology::{DEAD, EVENTS};
use ballet_amqp::{Broker, BrokerError, Delivery, RabbitMq};
use ballet_testkit::Method;
use futures_util::StreamExt;
use serde_json::json;
use shop_events::cart::CartCheckedOut;
use uuid::Uuid;

use super::stage::Stage;
use crate::demo::journal::Journal;

/// The recorder's own queue: a durable one, so that nothing is missed while the broker is away.
const QUEUE: &str = "chaos";
const PREFETCH: u16 = 500;
/// So many of the last events can be sent again.
const REMEMBERED: usize = 2_000;
/// Marks what we sent again ourselves.
pub(crate) const COPY: &str = "x-copy";
const PAUSE: Duration = Duration::from_millis(100);

/// A message, by its id.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) event_type: String,
    pub(crate) saga: Uuid,
    /// Whether we made it, from another one.
    pub(crate) copy: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) journal: Journal,
    pub(crate) messages: HashMap<Uuid, Message>,
    /// Deliveries of messages that were known already.
    pub(crate) again: usize,
    last: VecDeque<Delivery>,
    /// When the last new event came, and the longest time between two of them while there was
    /// something to do.
    new: Option<Instant>,
    pub(crate) longest_stall: Duration,
}

impl Record {
    /// Work begins, after a time in which there was none.
    pub(crate) fn begin(&mut self) {
        self.new = Some(Instant::now());
    }

    /// For how long nothing new has come.
    pub(crate) fn still(&self) -> Duration {
        self.new.map(|at| at.elapsed()).unwrap_or_default()
    }

    /// Some of the last events, by chance.
    pub(crate) fn last(&self) -> Vec<Delivery> {
        self.last.iter().cloned().collect()
    }

    fn take_in(&mut self, delivery: &Delivery) {
        self.journal.take_in(delivery);
        let properties = &delivery.properties;
        let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse::<Uuid>().ok());
        let (Some(id), false) = (id, delivery.exchange == DEAD) else { return };
        let copy = properties.headers().as_ref().is_some_and(|h| h.inner().contains_key(COPY));
        if self.messages.contains_key(&id) {
            self.again += 1;
            return;
        }
        let saga = properties.correlation_id().as_ref();
        let saga = saga.and_then(|saga| saga.as_str().parse().ok()).unwrap_or(id);
        let event_type = delivery.routing_key.clone();
        self.messages.insert(id, Message { event_type, saga, copy });
        if copy {
            return;
        }
        // Orders come in all the time: what counts is what the services do.
        if delivery.routing_key != CartCheckedOut::TYPE.name() {
            self.longest_stall = self.longest_stall.max(self.still());
            self.new = Some(Instant::now());
        }
        self.last.push_back(delivery.clone());
        if self.last.len() > REMEMBERED {
            self.last.pop_front();
        }
    }
}

/// Reads until the last copy of it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    record: Arc<Mutex<Record>>,
    _reader: Arc<Reader>,
}

#[derive(Debug)]
struct Reader(tokio::task::JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Recorder {
    pub(crate) async fn start(stage: &Stage) -> Result<Self> {
        let (management, vhost) = (stage.bed.management(), stage.bed.vhost());
        let queue = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        management.call(Method::PUT, &["queues", vhost, QUEUE], Some(&queue)).await?;
        let all = json!({"routing_key": "#"});
        for exchange in [EVENTS, DEAD] {
            let path = ["bindings", vhost, "e", exchange, "q", QUEUE];
            management.call(Method::POST, &path, Some(&all)).await?;
        }
        let record = Arc::new(Mutex::new(Record::default()));
        let broker = stage.broker(stage.bed.ops_amqp_url())?;
        let seen = Arc::clone(&record);
        let task = tokio::spawn(async move {
            loop {
                // The broker is away, or closed the connection: what is unacknowledged comes again.
                let _lost: Result<(), BrokerError> = read(&broker, &seen).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Self { record, _reader: Arc::new(Reader(task)) })
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(broker: &RabbitMq, record: &Mutex<Record>) -> Result<(), BrokerError> {
    let session = broker.connect("chaos recorder").await?;
    let mut deliveries = session.consume(QUEUE, "chaos", PREFETCH).await?;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        record.lock().unwrap_or_else(PoisonError::into_inner).take_in(&delivery);
        session.ack(delivery.tag, false).await?;
    }
    Ok(())
}
