use std::time::Duration;

use axum::Router;
use ballet::{Event, Handle, Migration, Participant, Saga, SagaId};
use ballet::{Running, Settings};
use ballet_amqp::Publish;
use ballet_amqp::headers::text_header;
use ballet_stage::Postgres;
use ballet_testkit::memory::{MemoryBroker, MemorySystem, properties};
use serde_json::Value;
use sqlx::PgConnection;

pub(crate) const SOON: Duration = Duration::from_secs(60);

ballet_testkit::events! {
    TripBooked = "desk.trip_booked.v1" { city: String }
    TripCancelled = "desk.trip_cancelled.v1"
    RoomBooked = "hotel.room_booked.v1" { city: String }
}

pub(crate) struct Trip;

impl Saga for Trip {
    const NAME: &'static str = "trip";
    const OWNER: &'static str = "desk";
    type Abort = TripCancelled;
}

pub(crate) const TABLES: &[Migration] = &[Migration {
    name: "0001_room",
    sql: "create table room (room bigserial primary key, saga_id uuid not null, city text not null)",
}];

pub(crate) const BOOK: &str = "insert into room (saga_id, city) values ($1, $2)";

type Routes = fn(Handle) -> Router;

pub(crate) struct PressureStage {
    system: MemorySystem,
    service: &'static str,
    pub(crate) broker: MemoryBroker,
}

impl PressureStage {
    pub(crate) async fn new(name: &str, participant: &Participant) -> Self {
        Self::on(Postgres::shared().await.expect("Postgres"), name, participant).await
    }

    pub(crate) async fn on(postgres: &Postgres, name: &str, participant: &Participant) -> Self {
        let system = MemorySystem::on(postgres, name, std::slice::from_ref(participant)).await;
        let broker = system.broker.clone();
        Self { system, service: participant.service(), broker }
    }

    pub(crate) fn url(&self) -> &str {
        self.system.url(self.service)
    }

    pub(crate) async fn start(&self, participant: Participant) -> Running {
        self.start_with(participant, |_| Router::new(), |_| {}).await
    }

    pub(crate) async fn start_with(
        &self,
        participant: Participant,
        routes: Routes,
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        let mut settings = self.system.settings(self.service);
        settings.drain_seconds = 2;
        set(&mut settings);
        let service = self.system.service(participant, TABLES).routes(routes);
        service.start(settings).await.expect("started")
    }

    pub(crate) fn new_saga(&self) -> SagaId {
        self.system.new_saga()
    }

    pub(crate) fn book(&self, city: &str) -> SagaId {
        let saga = self.new_saga();
        self.put(saga, &TripBooked { city: city.to_owned() });
        saga
    }

    pub(crate) fn book_many(&self, count: usize) -> Vec<SagaId> {
        (0..count).map(|_| self.book("Rome")).collect()
    }

    pub(crate) fn put<E: Event>(&self, saga: SagaId, event: &E) {
        let id = self.system.new_id().to_string();
        let properties = properties(E::TYPE, &id, Some(saga));
        self.broker.put_event(E::TYPE, properties, serde_json::to_vec(event).expect("JSON"));
    }

    /// Returns the reasons with their details, by city.
    pub(crate) fn dead_letters(&self) -> Vec<(String, String)> {
        let mut dead = self.broker.taken();
        dead.retain(|message| message.exchange == "dead");
        let read = |message: &Publish| {
            let body: Value = serde_json::from_slice(&message.body).expect("JSON");
            let city = body["city"].as_str().unwrap_or_default().to_owned();
            let header = |name| text_header(&message.properties, name).unwrap_or_default();
            (city, format!("{}: {}", header("x-dead-reason"), header("x-dead-detail")))
        };
        dead.iter().map(read).collect()
    }

    /// Copies that were put off for later.
    pub(crate) fn put_off(&self) -> usize {
        self.broker.taken().iter().filter(|message| message.exchange.starts_with("retry")).count()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.system.connect(self.service).await
    }

    pub(crate) async fn execute(&self, sql: &str) {
        self.system.execute(self.service, sql).await;
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.system.count(self.service, what).await
    }

    pub(crate) async fn until_count(&self, what: &str, expected: i64) {
        self.system.until_count(self.service, what, expected).await;
    }
}
