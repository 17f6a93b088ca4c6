//! One service in this process, whose replicas come and go, with a database and a broker in memory.

use std::ops::Deref;
use std::sync::Arc;

use ballet::{Event, Handle, Migration, Participant, Running, SagaId, Settings};
use ballet_stage::Postgres;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::memory::system::MemorySystem;
use crate::memory::wire::Wire;

/// One service, alone on a [`MemorySystem`].
#[derive(Debug)]
pub struct MemoryService {
    // Before the system, so that they are gone when their database is dropped.
    /// The replicas that run, in the order of their starts.
    pub running: Vec<Running>,
    /// Sessions for further reads.
    pub db: PgPool,
    participant: Participant,
    tables: &'static [Migration],
    wire: Wire,
    system: MemorySystem,
}

impl Deref for MemoryService {
    type Target = MemorySystem;

    fn deref(&self) -> &MemorySystem {
        &self.system
    }
}

impl MemoryService {
    /// Prepares a service, on the Postgres of [`Postgres::shared`]. None of its replicas runs.
    pub async fn new(test: &str, participant: Participant, tables: &'static [Migration]) -> Self {
        Self::on(Postgres::shared().await.expect("a Postgres"), test, participant, tables).await
    }

    /// Like [`new`](Self::new), on another Postgres.
    pub async fn on(
        postgres: &Postgres,
        test: &str,
        participant: Participant,
        tables: &'static [Migration],
    ) -> Self {
        let system = MemorySystem::on(postgres, test, std::slice::from_ref(&participant)).await;
        let pool = PgPoolOptions::new().max_connections(2);
        let db = pool.connect_lazy(system.url(participant.service())).expect("a URL");
        let wire = Wire::to(&system.broker);
        Self { running: Vec::new(), db, participant, tables, wire, system }
    }

    /// Starts a replica.
    pub async fn start_with(&mut self, set: impl FnOnce(&mut Settings)) {
        let mut settings = self.system.settings(self.name());
        set(&mut settings);
        let service = self.system.service(self.participant.clone(), self.tables);
        let running = service.broker(Arc::new(self.wire.clone())).start(settings).await;
        self.running.push(running.expect("started"));
    }

    /// Ends all replicas as `kill -9` would.
    pub fn kill(&mut self) {
        self.running.clear();
        self.wire.cut();
        self.wire = Wire::to(&self.system.broker);
    }

    /// Returns the handle of the replica that was started at this position.
    pub fn handle(&self, at: usize) -> &Handle {
        self.running[at].handle()
    }

    /// Returns the service's name, which is also that of its queue.
    pub fn name(&self) -> &'static str {
        self.participant.service()
    }

    /// Returns the URL of its database.
    pub fn url(&self) -> &str {
        self.system.url(self.name())
    }

    /// Publishes an event of a saga as the service that owns it would.
    pub fn put<E: Event>(&self, id: Uuid, saga: SagaId, event: &E) {
        self.system.put(id, Some(saga), event);
    }

    /// Opens a session in its database.
    pub async fn connect(&self) -> PgConnection {
        self.system.connect(self.name()).await
    }

    /// Executes statements in its database; see [`MemorySystem::execute`].
    pub async fn execute(&self, sql: &str) {
        self.system.execute(self.name(), sql).await;
    }

    /// Returns the result of `select count(*) from {what}`.
    pub async fn count(&self, what: &str) -> i64 {
        self.system.count(self.name(), what).await
    }

    /// Waits until there are this many rows.
    pub async fn until_count(&self, what: &str, expected: i64) {
        self.system.until_count(self.name(), what, expected).await;
    }

    /// Waits until a query yields this one value, as text.
    pub async fn until(&self, sql: &str, expected: impl ToString) {
        self.system.until(self.name(), sql, expected).await;
    }

    /// Waits until everything that it committed is published and marked.
    pub async fn until_published(&self) {
        self.system.until_published(self.name()).await;
    }
}
