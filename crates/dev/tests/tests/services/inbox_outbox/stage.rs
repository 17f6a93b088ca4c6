//! One test's world: real databases, and a broker in memory.

use std::ops::Deref;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use crate::inbox_outbox::trip::TripBooked;
use ballet::{Clock, Event, Migration, Participant, Running, SagaId, Settings};
use ballet_amqp::{AMQPValue, FieldTable, Publish};
use ballet_testkit::memory::{MemoryBroker, MemorySystem, properties, until};
use sqlx::{AssertSqlSafe, Executor, PgConnection};

pub(crate) const SOON: Duration = Duration::from_secs(60);
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) struct OutboxStage {
    system: MemorySystem,
    /// The brokers of running services, in the order of starts.
    alive: Mutex<Vec<Weak<MemoryBroker>>>,
}

impl Deref for OutboxStage {
    type Target = MemorySystem;

    fn deref(&self) -> &MemorySystem {
        &self.system
    }
}

impl OutboxStage {
    pub(crate) async fn new(name: &str, parts: &[Participant]) -> Self {
        Self { system: MemorySystem::new(name, parts).await, alive: Mutex::default() }
    }

    pub(crate) async fn start(
        &self,
        participant: Participant,
        tables: &'static [Migration],
    ) -> Running {
        self.start_with(participant, tables, |_| {}).await
    }

    pub(crate) async fn start_with(
        &self,
        participant: Participant,
        tables: &'static [Migration],
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        // The clock stands still, so the current table keeps its turn.
        let clock = Clock::system();
        let now = clock.now();
        let seed = u64::from_le_bytes(clock.new_id(now).into_bytes()[8..].try_into().expect("8"));
        self.start_by(participant, tables, Clock::standing(now, seed), set).await
    }

    pub(crate) async fn start_by(
        &self,
        participant: Participant,
        tables: &'static [Migration],
        clock: Clock,
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        let mut settings = self.settings(participant.service());
        set(&mut settings);
        let broker = Arc::new(self.broker.clone());
        self.alive.lock().expect("not poisoned").push(Arc::downgrade(&broker));
        let service = self.service(participant, tables).broker(broker).clock(clock);
        service.start(settings).await.expect("started")
    }

    /// Crashes the service that was started first.
    pub(crate) async fn crash(&self, first: Running) {
        drop(first);
        let alive = || self.alive.lock().expect("not poisoned")[0].strong_count();
        until("the end of it", alive, 0).await;
    }

    pub(crate) fn new_id(&self) -> String {
        self.system.new_id().to_string()
    }

    /// Publishes as the service would. Without a saga the event is plain.
    pub(crate) fn put<E: Event>(&self, id: &str, saga: Option<SagaId>, event: &E) {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(TRACE.into()));
        let properties = properties(E::TYPE, id, saga).with_headers(headers);
        self.broker.put_event(E::TYPE, properties, serde_json::to_vec(event).expect("JSON"));
    }

    pub(crate) async fn until_taken<E: Event>(&self, count: usize) -> Vec<Publish> {
        until(E::TYPE.name(), || self.taken::<E>().len(), count).await;
        self.taken::<E>()
    }

    pub(crate) fn copies(&self) -> usize {
        self.broker.taken().iter().filter(|message| message.exchange != "events").count()
    }

    pub(crate) async fn until_waiting(&self, service: &str, sessions: i64) {
        let waiting = "pg_stat_activity where datname = current_database() \
                       and wait_event_type = 'Lock'";
        self.until_count(service, waiting, sessions).await;
    }
}

pub(crate) async fn execute(db: &mut PgConnection, sql: &str) {
    db.execute(AssertSqlSafe(sql.to_owned())).await.expect("executed");
}

pub(crate) async fn book(desk: &Running, saga: SagaId) {
    let mut unit = desk.handle().saga_unit(saga).await.expect("a transaction");
    unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
    unit.commit().await.expect("committed");
}
