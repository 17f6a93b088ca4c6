//! One test's service, its database, and a broker in memory.

use std::ops::Deref;
use std::time::Duration;

use axum::Router;
use ballet::{Handle, Migration, Participant, Running, Saga, SagaId, Settings};
use ballet_amqp::Publish;
use ballet_amqp::headers::text_header;
use ballet_testkit::memory::MemoryService;
use serde_json::Value;

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

pub(crate) struct PressureStage(MemoryService);

impl Deref for PressureStage {
    type Target = MemoryService;

    fn deref(&self) -> &MemoryService {
        &self.0
    }
}

impl PressureStage {
    pub(crate) async fn new(name: &str, participant: Participant) -> Self {
        Self(MemoryService::new(name, participant, TABLES).await)
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
        let mut settings = self.settings(self.name());
        settings.drain_seconds = 2;
        set(&mut settings);
        let service = self.service(participant, TABLES).routes(routes);
        service.start(settings).await.expect("started")
    }

    /// Books a trip of a new saga.
    pub(crate) fn book(&self, city: &str) -> SagaId {
        let saga = self.new_saga();
        self.put(self.new_id(), saga, &TripBooked { city: city.to_owned() });
        saga
    }

    pub(crate) fn book_many(&self, count: usize) -> Vec<SagaId> {
        (0..count).map(|_| self.book("Rome")).collect()
    }

    /// The messages that were set aside: the city of each, and the reason with its detail.
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
}
