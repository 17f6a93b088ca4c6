//! Services in this process, each with its own database, on a broker in memory.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::{Part, System, topology};
use ballet::{Clock, Event, EventType, Migration, Participant, Running, SagaId, Service, Settings};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Database, Postgres, wait_until};
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use crate::looks::Looks;
use crate::memory::broker::MemoryBroker;

const LIMIT: Duration = Duration::from_secs(120);

/// The batches of events that are not marked as published.
pub const UNMARKED: &str = "(select from ballet.outbox() group by owner, batch \
                            having min(position) >= 0) as batch";

/// A broker in memory, and a database with the framework's tables for each of some services.
#[derive(Debug)]
pub struct MemorySystem {
    // Before the databases, so that its sessions close before those are dropped.
    looks: Looks,
    /// The databases, by the name of the service.
    pub databases: BTreeMap<String, Database>,
    pub broker: MemoryBroker,
    clock: Clock,
}

impl MemorySystem {
    /// Prepares a system for these services, on the Postgres of [`Postgres::shared`].
    pub async fn new(test: &str, services: &[Participant]) -> Self {
        Self::on(Postgres::shared().await.expect("a Postgres"), test, services).await
    }

    /// Like [`new`](Self::new), on another Postgres.
    pub async fn on(postgres: &Postgres, test: &str, services: &[Participant]) -> Self {
        Self::of_parts(postgres, test, services.iter().map(Participant::part).collect()).await
    }

    /// Like [`on`](Self::on), for services with these declarations.
    pub async fn of_parts(postgres: &Postgres, test: &str, parts: Vec<Part>) -> Self {
        let names: Vec<_> = parts.iter().map(|part| part.service).collect();
        let databases = Database::prepared(postgres, test, &names).await.expect("databases");
        let definitions = topology::definitions(&System { name: "test", parts }, |_| String::new());
        let broker = MemoryBroker::with_definitions(&definitions);
        Self { looks: Looks::default(), databases, broker, clock: Clock::system() }
    }

    /// Returns the URL of a service's database.
    pub fn url(&self, service: &str) -> &str {
        self.databases[service].url()
    }

    /// Makes a service that starts with [`settings`](Self::settings).
    pub fn service(&self, participant: Participant, tables: &'static [Migration]) -> Service {
        Service::new(participant).migrations(tables).broker(Arc::new(self.broker.clone()))
    }

    pub fn settings(&self, service: &str) -> Settings {
        Settings::new("amqp://in.memory", self.url(service))
    }

    /// Starts a process of a service.
    pub async fn start(
        &self,
        participant: Participant,
        tables: &'static [Migration],
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        let mut settings = self.settings(participant.service());
        set(&mut settings);
        self.service(participant, tables).start(settings).await.expect("started")
    }

    pub fn new_id(&self) -> Uuid {
        self.new_id_before(Duration::ZERO)
    }

    /// Makes an id as of this long ago.
    pub fn new_id_before(&self, before: Duration) -> Uuid {
        self.clock.new_id(self.clock.now() - before)
    }

    pub fn new_saga(&self) -> SagaId {
        SagaId(self.new_id())
    }

    /// Returns the messages of a type that the broker accepted, in order.
    pub fn taken<E: Event>(&self) -> Vec<Publish> {
        let mut taken = self.broker.taken();
        taken.retain(|m| m.exchange == topology::EVENTS && m.routing_key == E::TYPE.name());
        taken
    }

    /// Waits until a service has acknowledged everything.
    pub async fn until_settled(&self, service: &str) {
        let open = || self.broker.ready(service).len() + self.broker.unacked(service);
        until("nothing left to handle", open, 0).await;
    }

    /// Opens a session in the database of a service.
    pub async fn connect(&self, service: &str) -> PgConnection {
        PgConnection::connect(self.url(service)).await.expect("a database")
    }

    /// Executes statements in the database of a service. A transaction, lock or setting needs a session from
    /// [`connect`](Self::connect).
    pub async fn execute(&self, service: &str, sql: &str) {
        self.looks.execute(self.url(service), sql).await.expect("executed");
    }

    /// Returns the result of `select count(*) from {what}`.
    pub async fn count(&self, service: &str, what: &str) -> i64 {
        self.try_count(service, what).await.expect("a count")
    }

    /// Like [`count`](Self::count), while the database may be unavailable.
    pub async fn try_count(&self, service: &str, what: &str) -> Result<i64, sqlx::Error> {
        self.looks.value(self.url(service), &format!("select count(*) from {what}")).await
    }

    /// Returns the single number that a query of a service's database yields.
    pub async fn number(&self, service: &str, sql: &str) -> i64 {
        self.looks.value(self.url(service), sql).await.expect("a number")
    }

    /// Publishes an event as the service that owns it would; plain if there is no saga.
    pub fn put<E: Event>(&self, id: Uuid, saga: Option<SagaId>, event: &E) {
        let body = serde_json::to_vec(event).expect("JSON");
        self.broker.put_event(E::TYPE, properties(E::TYPE, &id.to_string(), saga), body);
    }

    /// Waits until everything that a service committed is published and marked.
    pub async fn until_published(&self, service: &str) {
        self.until_count(service, UNMARKED, 0).await;
    }

    /// Waits until there are this many rows.
    pub async fn until_count(&self, service: &str, what: &str, expected: i64) {
        self.until(service, &format!("select count(*) from {what}"), expected).await;
    }

    /// Waits until a query of a service's database yields this one value, as text.
    pub async fn until(&self, service: &str, sql: &str, expected: impl ToString) {
        self.looks.until(self.url(service), sql, &expected.to_string(), LIMIT).await;
    }
}

/// Returns this statement, which writes to `ballet.outbox_left`, for an outbox table of a process that is gone.
#[must_use]
pub fn left_by_a_gone_process(statement: &str) -> String {
    format!(
        "do $do$ begin execute replace($left${statement}$left$, 'outbox_left', \
             'outbox_' || ballet.take_outbox(99999)); end $do$"
    )
}

/// Makes the properties with which the service that owns this type would publish such an event.
#[must_use]
pub fn properties(of: EventType, id: &str, saga: Option<SagaId>) -> BasicProperties {
    let properties = BasicProperties::default()
        .with_message_id(id.into())
        .with_type(of.name().into())
        .with_app_id(of.service().into())
        .with_content_type("application/json".into());
    match saga {
        Some(saga) => properties.with_correlation_id(saga.to_string().into()),
        None => properties,
    }
}

/// Waits until `look` returns this value.
pub async fn until<T: PartialEq + Debug>(what: &str, look: impl Fn() -> T, expected: T) {
    let reached = wait_until(what, LIMIT, || async {
        let now = look();
        if now == expected { Ok(Some(())) } else { Err(format!("{now:?}, not {expected:?}")) }
    });
    reached.await.unwrap_or_else(|error| panic!("{error}"));
}
