//! Records everything published, from a queue that outlasts every fault.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::EventType;
use ballet::core::topology::{DEAD, EVENTS};
use ballet_amqp::{Broker, BrokerError, Delivery, RabbitMq, ShortString, pack};
use ballet_stage::Method;
use futures_util::StreamExt;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::customers::begun_saga::End;
use crate::running::long_run::LongRun;
use crate::system::subject::Subject;

/// Marks copies of events, which a fault publishes to try the services.
pub(crate) const COPY: &str = "x-copy";

/// Durable, so nothing is missed while the broker is unavailable.
const QUEUE: &str = "recorder";
const PREFETCH: u16 = 500;
/// So many events can be sent again.
const REMEMBERED: usize = 2_000;
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone)]
pub(crate) struct RecordedMessage {
    pub(crate) event_type: String,
    pub(crate) saga: Uuid,
    /// Whether it is our copy.
    pub(crate) copy: bool,
}

#[derive(Debug)]
pub(crate) struct RunRecord {
    subject: Arc<Subject>,
    from_outside: Vec<&'static str>,
    pub(crate) messages: HashMap<Uuid, RecordedMessage>,
    /// The types of each saga's events.
    sagas: HashMap<Uuid, HashSet<String>>,
    ended: HashMap<Uuid, End>,
    latest: VecDeque<Delivery>,
    /// The time of the last new event.
    last_new: Option<Instant>,
    pub(crate) longest_stall: Duration,
}

impl RunRecord {
    fn new(subject: &Arc<Subject>) -> Self {
        Self {
            subject: Arc::clone(subject),
            from_outside: subject.types_from_outside(),
            messages: HashMap::new(),
            sagas: HashMap::new(),
            ended: HashMap::new(),
            latest: VecDeque::new(),
            last_new: None,
            longest_stall: Duration::ZERO,
        }
    }

    /// From now on there is work.
    pub(crate) fn begin(&mut self) {
        self.last_new = Some(Instant::now());
    }

    /// The time since the last new event, if there was one.
    pub(crate) fn quiet_for(&self) -> Option<Duration> {
        self.last_new.map(|at| at.elapsed())
    }

    pub(crate) fn latest(&self) -> Vec<Delivery> {
        self.latest.iter().cloned().collect()
    }

    pub(crate) fn has(&self, saga: Uuid, event: EventType) -> bool {
        self.sagas.get(&saga).is_some_and(|events| events.contains(event.name()))
    }

    pub(crate) fn ended(&self, saga: Uuid) -> Option<&End> {
        self.ended.get(&saga)
    }

    /// Ended sagas that are not in `known`.
    pub(crate) fn ended_besides(&self, known: &HashSet<Uuid>) -> Vec<Uuid> {
        self.ended.keys().filter(|saga| !known.contains(saga)).copied().collect()
    }

    fn add(&mut self, delivery: &Delivery) {
        let properties = &delivery.properties;
        let read = |id: &Option<ShortString>| id.as_ref().and_then(|id| id.as_str().parse().ok());
        let id: Option<Uuid> = read(properties.message_id());
        let (Some(id), false) = (id, delivery.exchange == DEAD) else { return };
        // A saga's first message has no correlation id: its own id is the saga's.
        let saga = read(properties.correlation_id()).unwrap_or(id);
        let event_type = delivery.routing_key.clone();
        let body: Value = serde_json::from_slice(&delivery.body).unwrap_or_default();
        if let Some(end) = self.subject.end(&event_type, &body) {
            // The event may come again, and late. An abort has the last word.
            let known = self.ended.get(&saga);
            if known.is_none_or(|known| *known == End::Completed && end != End::Completed) {
                self.ended.insert(saga, end);
            }
        }
        self.sagas.entry(saga).or_default().insert(event_type.clone());
        let copy = properties.headers().as_ref().is_some_and(|h| h.inner().contains_key(COPY));
        if self.messages.contains_key(&id) {
            return;
        }
        self.messages.insert(id, RecordedMessage { event_type, saga, copy });
        if copy {
            return;
        }
        // Events from outside come all the time. A stall is the services' pause.
        if !self.from_outside.contains(&delivery.routing_key.as_str()) {
            self.longest_stall = self.longest_stall.max(self.quiet_for().unwrap_or_default());
            self.last_new = Some(Instant::now());
        }
        self.latest.push_back(delivery.clone());
        if self.latest.len() > REMEMBERED {
            self.latest.pop_front();
        }
    }
}

/// Records until the last clone is dropped.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    record: Arc<Mutex<RunRecord>>,
    _reader: Arc<ReaderTask>,
}

#[derive(Debug)]
struct ReaderTask(tokio::task::JoinHandle<()>);

impl Drop for ReaderTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Recorder {
    pub(crate) async fn start(run: &LongRun, subject: &Arc<Subject>) -> Result<Self> {
        let (management, vhost) = (run.stage.env.management(), run.stage.env.vhost());
        let queue = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        management.call(Method::PUT, &["queues", vhost, QUEUE], Some(&queue)).await?;
        let all = json!({"routing_key": "#"});
        for exchange in [EVENTS, DEAD] {
            let path = ["bindings", vhost, "e", exchange, "q", QUEUE];
            management.call(Method::POST, &path, Some(&all)).await?;
        }
        let record = Arc::new(Mutex::new(RunRecord::new(subject)));
        let broker = run.broker(run.stage.env.ops_amqp_url())?;
        let seen = Arc::clone(&record);
        let task = tokio::spawn(async move {
            loop {
                // The broker is unavailable. Unacknowledged messages come again.
                let _lost: Result<(), BrokerError> = read(&broker, &seen).await;
                tokio::time::sleep(PAUSE).await;
            }
        });
        Ok(Self { record, _reader: Arc::new(ReaderTask(task)) })
    }

    pub(crate) fn record(&self) -> MutexGuard<'_, RunRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn read(broker: &RabbitMq, record: &Mutex<RunRecord>) -> Result<(), BrokerError> {
    let session = broker.connect("recorder").await?;
    let mut deliveries = session.consume(QUEUE, "recorder", PREFETCH).await?;
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        let tag = delivery.tag;
        {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            pack::members_of(delivery).iter().for_each(|member| record.add(member));
        }
        session.ack(tag, false).await?;
    }
    Ok(())
}
