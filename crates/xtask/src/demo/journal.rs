//! The journal, read as the user `tap` while the orders run: everything that was published.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use ballet::core::id;
use ballet::core::topology::{DEAD, JOURNAL, TAP};
use ballet::{Event, EventType};
use ballet_amqp::{AMQPValue, BasicProperties, Broker, Delivery, RabbitMq, Session, ShortString};
use ballet_testkit::Bed;
use futures_util::StreamExt;
use serde_json::Value;
use shop_events::orders::{OrderCancelled, OrderCompleted};
use tokio::task::JoinHandle;
use uuid::Uuid;

const PREFETCH: u16 = 1_000;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// One event of a saga.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) message_id: Uuid,
    /// Milliseconds since 1970, from the message's id.
    pub(crate) millis: i64,
    pub(crate) publisher: String,
    pub(crate) name: String,
    pub(crate) body: Value,
}

/// How a saga ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Completed,
    Cancelled { reason: String },
}

/// All that was read.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    sagas: HashMap<Uuid, Vec<Seen>>,
    ended: HashMap<Uuid, Ended>,
    pub(crate) events: usize,
    /// In words.
    pub(crate) dead_letters: Vec<String>,
    /// When the last event came.
    pub(crate) moved: Option<Instant>,
    /// Why nothing is read any more.
    broken: Option<String>,
}

/// Reads until the last copy of it is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Tap {
    journal: Arc<Mutex<Journal>>,
    _reader: Arc<Reader>,
}

#[derive(Debug)]
struct Reader(JoinHandle<()>);

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tap {
    /// From here on everything is seen: a stream's consumer begins at its end.
    pub(crate) async fn start(bed: &Bed) -> Result<Self> {
        let broker = RabbitMq::new(bed.amqp_url(TAP))?;
        let session = broker.connect("demo tap").await?;
        let deliveries = session.consume(JOURNAL, "demo", PREFETCH).await;
        let mut deliveries = deliveries.context("cannot read the journal")?;
        let journal = Arc::new(Mutex::new(Journal::default()));
        let seen = Arc::clone(&journal);
        let task = tokio::spawn(async move {
            let broken = loop {
                match deliveries.next().await {
                    Some(Ok(delivery)) => {
                        let tag = delivery.tag;
                        lock(&seen).take_in(&delivery);
                        if let Err(error) = acknowledge(&*session, tag).await {
                            break error.to_string();
                        }
                    }
                    Some(Err(error)) => break error.to_string(),
                    None => break "the broker ended it".to_owned(),
                }
            };
            lock(&seen).broken = Some(broken);
        });
        Ok(Self { journal, _reader: Arc::new(Reader(task)) })
    }

    /// Waits until an order has an event of this name, or has ended.
    pub(crate) async fn hear(&self, order: Uuid, event: EventType) -> Result<()> {
        loop {
            {
                let journal = self.journal()?;
                if journal.has(order, event) || journal.ended(order).is_some() {
                    return Ok(());
                }
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What was read so far; an error if no more will come.
    pub(crate) fn journal(&self) -> Result<MutexGuard<'_, Journal>> {
        let journal = lock(&self.journal);
        if let Some(broken) = &journal.broken {
            bail!("the journal can be read no more: {broken}");
        }
        Ok(journal)
    }
}

fn lock(journal: &Mutex<Journal>) -> MutexGuard<'_, Journal> {
    journal.lock().unwrap_or_else(PoisonError::into_inner)
}

/// On a stream this only asks for more.
async fn acknowledge(session: &dyn Session, tag: u64) -> Result<()> {
    Ok(session.ack(tag, false).await?)
}

fn header(properties: &BasicProperties, name: &str) -> String {
    let value = properties.headers().as_ref().and_then(|headers| headers.inner().get(name));
    match value {
        Some(AMQPValue::LongString(text)) => text.to_string(),
        _ => "for no stated reason".to_owned(),
    }
}

impl Journal {
    pub(crate) fn take_in(&mut self, delivery: &Delivery) {
        self.moved = Some(Instant::now());
        let text = |value: &Option<ShortString>| {
            value.as_ref().map(|text| text.as_str().to_owned()).unwrap_or_default()
        };
        let properties = &delivery.properties;
        let name = text(properties.kind());
        if delivery.exchange == DEAD {
            let why = header(properties, "x-dead-detail");
            self.dead_letters.push(format!("{name} in {}: {why}", delivery.routing_key));
            return;
        }
        self.events += 1;
        let Ok(message_id) = text(properties.message_id()).parse::<Uuid>() else { return };
        // What starts a saga may leave its id to the message's.
        let saga = text(properties.correlation_id()).parse().unwrap_or(message_id);
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        let ended = if name == OrderCompleted::TYPE.name() {
            Some(Ended::Completed)
        } else if name == OrderCancelled::TYPE.name() {
            let reason = body["reason"].as_str().unwrap_or_default().to_owned();
            Some(Ended::Cancelled { reason })
        } else {
            None
        };
        if let Some(ended) = ended {
            self.ended.insert(saga, ended);
        }
        let events = self.sagas.entry(saga).or_default();
        // A relay that was interrupted publishes again, under the same id.
        if events.iter().all(|event| event.message_id != message_id) {
            let millis = id::time_of(message_id).map_or(0, |time| time.as_millisecond());
            let publisher = text(properties.app_id());
            events.push(Seen { message_id, millis, publisher, name, body });
        }
    }

    pub(crate) fn has(&self, order: Uuid, event: EventType) -> bool {
        let events = self.sagas.get(&order).into_iter().flatten();
        events.into_iter().any(|seen| seen.name == event.name())
    }

    pub(crate) fn ended(&self, order: Uuid) -> Option<&Ended> {
        self.ended.get(&order)
    }

    /// The events of a saga in the order of their ids.
    pub(crate) fn saga(&self, order: Uuid) -> Vec<Seen> {
        let mut events = self.sagas.get(&order).cloned().unwrap_or_default();
        events.sort_by_key(|event| event.millis);
        events
    }

    /// The time of every end, in milliseconds since 1970.
    pub(crate) fn ends(&self) -> Vec<i64> {
        let last = |order: &Uuid| {
            let events = self.sagas.get(order)?;
            let ends = [OrderCompleted::TYPE.name(), OrderCancelled::TYPE.name()];
            events.iter().find(|event| ends.contains(&event.name.as_str())).map(|e| e.millis)
        };
        self.ended.keys().filter_map(last).collect()
    }
}
