//! One service on a real database, with the broker in memory.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use ballet::core::topology;
use ballet::{Event, EventType, Participant, SagaId, Settings};
use ballet_amqp::headers::text_header;
use ballet_amqp::{AMQPValue, FieldTable, Publish};
use ballet_stage::wait_until;
use ballet_testkit::memory::{MemoryService, UNMARKED, properties};
use sqlx::types::Uuid;
use sqlx::{AssertSqlSafe, Connection};

use crate::bulk::hall::TABLES;

const LONG: Duration = Duration::from_secs(120);

pub(crate) struct BulkStage {
    service: MemoryService,
    pub(crate) handler_seconds: u64,
}

impl Deref for BulkStage {
    type Target = MemoryService;

    fn deref(&self) -> &MemoryService {
        &self.service
    }
}

impl DerefMut for BulkStage {
    fn deref_mut(&mut self) -> &mut MemoryService {
        &mut self.service
    }
}

#[derive(Debug, Clone)]
pub(crate) struct StageMessage {
    pub(crate) id: Uuid,
    pub(crate) saga: SagaId,
    pub(crate) event_type: EventType,
    pub(crate) body: String,
}

impl StageMessage {
    pub(crate) fn of<E: Event>(id: Uuid, saga: SagaId, event: &E) -> Self {
        let body = serde_json::to_string(event).expect("JSON");
        Self { id, saga, event_type: E::TYPE, body }
    }
}

impl BulkStage {
    pub(crate) async fn new(name: &str, participant: Participant) -> Self {
        let mut stage = Self::empty(name, participant).await;
        stage.start(1).await;
        stage
    }

    pub(crate) async fn empty(name: &str, participant: Participant) -> Self {
        let service = MemoryService::new(name, participant, TABLES).await;
        Self { service, handler_seconds: 30 }
    }

    pub(crate) async fn start(&mut self, lanes: u16) {
        let handler_seconds = self.handler_seconds;
        let set = |settings: &mut Settings| {
            (settings.lanes, settings.handler_seconds) = (lanes, handler_seconds);
        };
        self.service.start_with(set).await;
    }

    /// Returns a saga of one of two lanes.
    pub(crate) fn new_saga_of(&self, lane: u128) -> SagaId {
        loop {
            let saga = self.new_saga();
            if saga.0.as_u128() % 2 == lane {
                return saga;
            }
        }
    }

    pub(crate) async fn deadlocks(&mut self) -> i64 {
        for service in self.running.drain(..) {
            service.stop().await;
        }
        // A session reports what it saw when it ends, at the latest.
        let others = "pg_stat_activity where datname = current_database() \
                      and application_name = 'hall'";
        self.until_count(others, 0).await;
        let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
        self.number(self.name(), deadlocks).await
    }

    pub(crate) fn put(&self, message: &StageMessage) {
        let mut headers = FieldTable::default();
        let trace = format!("00-{}-00000000000000aa-01", message.id.simple());
        headers.insert("traceparent".into(), AMQPValue::LongString(trace.into()));
        let StageMessage { id, saga, event_type, body } = message.clone();
        let properties = properties(event_type, &id.to_string(), Some(saga)).with_headers(headers);
        self.broker.put_event(event_type, properties, body.into_bytes());
    }

    /// Publishes as the service that owns the event.
    pub(crate) fn tell<E: Event>(&self, saga: SagaId, event: &E) {
        self.put(&StageMessage::of(self.new_id(), saga, event));
    }

    /// Sends so that a lane finds all messages ready, as one batch.
    pub(crate) async fn at_once(&self, send: impl FnOnce(&Self)) {
        // The lane takes the first message alone, and waits with it.
        self.locked(async || send(self)).await;
    }

    /// The lane waits with the first message already, so it takes all others together.
    pub(crate) async fn at_once_behind(&self, first: &StageMessage, send: impl FnOnce(&Self)) {
        let waits = "select count(*) > 0 from pg_locks \
                     where relation = 'ballet.inbox'::regclass and not granted";
        self.locked(async || {
            self.put(first);
            self.until(waits, true).await;
            send(self);
        })
        .await;
    }

    /// Waits until all are delivered and handled.
    async fn locked(&self, send: impl AsyncFnOnce()) {
        let mut held = self.connect().await;
        let lock = "begin; lock table ballet.inbox in share mode";
        sqlx::raw_sql(lock).execute(&mut held).await.expect("the inbox");
        send().await;
        let queue = self.name();
        wait_until("all to be delivered", LONG, || async {
            Ok::<_, String>(self.broker.ready(queue).is_empty().then_some(()))
        })
        .await
        .expect("delivered");
        held.close().await.expect("let go");
        self.settle().await;
    }

    /// Waits until everything is handled and published.
    pub(crate) async fn settle(&self) {
        let queue = self.name();
        wait_until("a rest", LONG, || async {
            let taken = self.broker.taken_count();
            let waiting = self.broker.ready(queue).len() + self.broker.unacked(queue);
            let unpublished = self.try_count(queue, UNMARKED).await?;
            let rest = waiting == 0 && unpublished == 0 && self.broker.taken_count() == taken;
            Ok::<_, sqlx::Error>(rest.then_some(()))
        })
        .await
        .expect("a rest");
    }

    pub(crate) async fn lines(&self, query: String, saga: SagaId) -> Vec<String> {
        let lines = sqlx::query_scalar(AssertSqlSafe(query)).bind(saga.0).fetch_all(&self.db).await;
        lines.expect("rows")
    }

    pub(crate) fn taken(&self, exchange: &str) -> Vec<Publish> {
        let mut known = std::collections::HashSet::new();
        let taken = self.broker.taken().into_iter().filter(|message| message.exchange == exchange);
        taken
            .filter(|message| {
                let id = message.properties.message_id().as_ref().map(ToString::to_string);
                known.insert(id)
            })
            .collect()
    }

    /// Returns type, body and cause, in order.
    pub(crate) fn told(&self, saga: SagaId) -> Vec<String> {
        let service = self.name();
        let saga = saga.to_string();
        let own = |message: &Publish| {
            let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
            text(message.properties.app_id()).as_deref() == Some(service)
                && text(message.properties.correlation_id()).as_ref() == Some(&saga)
        };
        let line = |message: &Publish| {
            let cause = text_header(&message.properties, "causation_id");
            // Each handler's run has its own span in the same trace.
            let trace = text_header(&message.properties, "traceparent").map(|trace| &trace[..36]);
            let body = String::from_utf8_lossy(&message.body);
            format!("{} {body} because of {cause:?} in {trace:?}", message.routing_key)
        };
        self.taken(topology::EVENTS).iter().filter(|one| own(one)).map(line).collect()
    }
}
