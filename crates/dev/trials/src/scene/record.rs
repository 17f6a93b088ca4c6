//! Records everything published, from a queue that outlasts every fault.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Result;
use ballet::core::topology::{DEAD, EVENTS};
use ballet_amqp::{Broker, BrokerError, Delivery, RabbitMq, pack};
use ballet_stage::Method;
use futures_util::StreamExt;
use serde_json::json;
use uuid::Uuid;

use crate::running::long_run::LongRun;
use crate::scene::journal::{COPY, Journal, Witness};

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
    pub(crate) journal: Journal,
    from_outside: Vec<&'static str>,
    pub(crate) messages: HashMap<Uuid, RecordedMessage>,
    latest: VecDeque<Delivery>,
    /// The time of the last new event.
    last_new: Option<Instant>,
    pub(crate) longest_stall: Duration,
}

impl RunRecord {
    fn new(witness: Arc<dyn Witness>, from_outside: Vec<&'static str>) -> Self {
        Self {
            journal: Journal::new(witness),
            from_outside,
            messages: HashMap::new(),
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

    fn add(&mut self, delivery: &Delivery) {
        self.journal.add(delivery);
        let properties = &delivery.properties;
        let id = properties.message_id().as_ref().and_then(|id| id.as_str().parse::<Uuid>().ok());
        let (Some(id), false) = (id, delivery.exchange == DEAD) else { return };
        let copy = properties.headers().as_ref().is_some_and(|h| h.inner().contains_key(COPY));
        if self.messages.contains_key(&id) {
            return;
        }
        let saga = properties.correlation_id().as_ref();
        let saga = saga.and_then(|saga| saga.as_str().parse().ok()).unwrap_or(id);
        let event_type = delivery.routing_key.clone();
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
    pub(crate) async fn start(
        run: &LongRun,
        witness: Arc<dyn Witness>,
        from_outside: Vec<&'static str>,
    ) -> Result<Self> {
        let (management, vhost) = (run.stage.env.management(), run.stage.env.vhost());
        let queue = json!({"durable": true, "arguments": {"x-queue-type": "quorum"}});
        management.call(Method::PUT, &["queues", vhost, QUEUE], Some(&queue)).await?;
        let all = json!({"routing_key": "#"});
        for exchange in [EVENTS, DEAD] {
            let path = ["bindings", vhost, "e", exchange, "q", QUEUE];
            management.call(Method::POST, &path, Some(&all)).await?;
        }
        let record = Arc::new(Mutex::new(RunRecord::new(witness, from_outside)));
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
