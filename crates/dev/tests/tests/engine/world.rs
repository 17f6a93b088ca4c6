//! One test's world: services in this process, and the queue that sees every event.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use ballet::{Clock, Event, Migration, Participant, SagaId, Service, Settings};
use ballet_stage::{QueueDepth, Servers, wait_until};
use ballet_store::schema::migrate;
use ballet_testkit::TestSystem;
use jiff::SignedDuration;
use serde_json::Value;

use crate::trip::{DESK_TABLES, HOTEL_TABLES, Rental, TripBooked, Trouble, cars, desk, hotel};

pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The maximum age of the management API's counts, on a busy machine.
const COUNTS_AGE: Duration = Duration::from_secs(6);
/// The limit for many messages, or after a fault.
pub(crate) const LONG: Duration = Duration::from_secs(180);

pub(crate) struct TripWorld {
    system: TestSystem,
    /// The server's port, if it is another one than at the start.
    pub(crate) asked_at: Option<u16>,
    clock: Clock,
}

impl Deref for TripWorld {
    type Target = TestSystem;

    fn deref(&self) -> &TestSystem {
        &self.system
    }
}

impl DerefMut for TripWorld {
    fn deref_mut(&mut self) -> &mut TestSystem {
        &mut self.system
    }
}

pub(crate) struct WorldPart {
    pub(crate) participant: Participant,
    pub(crate) tables: &'static [Migration],
}

pub(crate) fn part(participant: Participant, tables: &'static [Migration]) -> WorldPart {
    WorldPart { participant, tables }
}

pub(crate) fn the_hotel() -> WorldPart {
    part(hotel(Trouble::default()), HOTEL_TABLES)
}

pub(crate) fn everybody(rental: Rental) -> Vec<WorldPart> {
    vec![part(desk(), DESK_TABLES), the_hotel(), part(cars(rental), &[])]
}

impl TripWorld {
    pub(crate) async fn new(name: &str, parts: Vec<WorldPart>) -> Self {
        let servers = Servers::shared().await.expect("servers");
        Self::on(servers, name, parts).await
    }

    pub(crate) async fn hotel(name: &str) -> Self {
        Self::new(name, vec![the_hotel()]).await
    }

    pub(crate) async fn on(servers: &Servers, name: &str, parts: Vec<WorldPart>) -> Self {
        let all = parts.iter().map(|part| part.participant.part()).collect();
        let system = TestSystem::prepared_on(servers, name, all).await;
        let mut world = Self { system, asked_at: None, clock: Clock::system() };
        for part in parts {
            world.start(part).await;
        }
        world
    }

    /// The services have run once and left their tables. None is running.
    pub(crate) async fn prepared(name: &str, parts: Vec<WorldPart>) -> Self {
        Self::prepared_on(Servers::shared().await.expect("servers"), name, parts).await
    }

    pub(crate) async fn prepared_on(servers: &Servers, name: &str, parts: Vec<WorldPart>) -> Self {
        let all = parts.iter().map(|part| part.participant.part()).collect();
        let system = TestSystem::prepared_on(servers, name, all).await;
        for WorldPart { participant, tables } in parts {
            if !tables.is_empty() {
                let url = system.env.database_url(participant.service());
                let session = migrate::connect(&url.parse().expect("a URL")).await;
                migrate::migrate(session.expect("a session"), tables).await.expect("its tables");
            }
        }
        Self { system, asked_at: None, clock: Clock::system() }
    }

    /// Prepares all that these parts need. None of them runs.
    pub(crate) async fn asleep(
        servers: &Servers,
        name: &str,
        parts: Vec<ballet::core::Part>,
    ) -> Self {
        let system = TestSystem::asleep_on(servers, name, parts).await;
        Self { system, asked_at: None, clock: Clock::system() }
    }

    pub(crate) async fn start(&mut self, part: WorldPart) {
        self.start_with(part, |_| {}).await;
    }

    pub(crate) async fn start_with(&mut self, part: WorldPart, set: impl FnOnce(&mut Settings)) {
        self.start_by(part, Clock::system(), set).await;
    }

    pub(crate) async fn start_by(
        &mut self,
        part: WorldPart,
        clock: Clock,
        set: impl FnOnce(&mut Settings),
    ) {
        let service = Service::new(part.participant).migrations(part.tables).clock(clock);
        self.system.start_with(service, set).await;
    }

    /// Uses the database's clock. Processes notice within seconds, and at their start.
    pub(crate) async fn let_pass(&self, service: &str, days: i64) {
        let sql = format!(
            "create or replace function ballet.now() returns timestamptz \
             language sql volatile parallel safe \
             as 'select pg_catalog.clock_timestamp() + interval ''{days} days''';
             create or replace function ballet.clock_is_checked() returns boolean \
             language sql volatile parallel safe as 'select false'"
        );
        self.execute(service, &sql).await;
    }

    pub(crate) fn id_after(&self, days: i64) -> String {
        let then = self.clock.now() + SignedDuration::from_hours(24 * days);
        self.clock.new_id(then).to_string()
    }

    pub(crate) fn new_id(&self) -> String {
        self.system.new_id().to_string()
    }

    pub(crate) async fn publish<E: Event>(&self, saga: SagaId, event: &E) -> String {
        self.system.publish(saga, event).await.to_string()
    }

    pub(crate) async fn publish_as<E: Event>(&self, id: &str, saga: SagaId, event: &E) {
        let id = id.parse().expect("a UUID");
        self.system.publish_as(id, E::TYPE.service(), Some(saga), event).await;
    }

    /// Begins a trip to Rome, as an HTTP handler of the desk at this position.
    pub(crate) async fn begin(&self, desk: usize) -> SagaId {
        let saga = self.new_saga();
        let mut unit = self.handle(desk).saga_unit(saga).await.expect("a transaction");
        unit.originate(TripBooked { city: "Rome".into() }).await.expect("originated");
        unit.commit().await.expect("committed");
        saga
    }

    /// Waits for counts that stay at none, because they are seconds old, and lack what was just published.
    pub(crate) async fn until_empty(&self, queue: &str) {
        let since = Cell::new(None);
        let stays_empty = |depth: QueueDepth| {
            let is_empty = depth.ready + depth.unacked == 0;
            since.set(is_empty.then(|| since.get().unwrap_or_else(Instant::now)));
            since.get().is_some_and(|since| since.elapsed() > COUNTS_AGE)
        };
        self.env.management().until_depth(queue, SOON, stays_empty).await.expect("settled");
    }

    pub(crate) async fn count(&self, service: &str, what: &str) -> i64 {
        self.try_count(service, what).await.expect("a count")
    }

    pub(crate) async fn until_published(&self, text: &str) {
        wait_until(&format!("a message with {text}"), SOON, || async {
            let seen = self.seen().await;
            let has_it = |m: &Value| m["payload"].as_str().is_some_and(|body| body.contains(text));
            Ok::<_, String>(seen.iter().any(has_it).then_some(()))
        })
        .await
        .expect("published");
    }

    pub(crate) async fn until_count(&self, service: &str, what: &str, expected: i64) {
        let rows = format!("select count(*) from {what}");
        let url = self.asked_url(service);
        self.system.looks().until(&url, &rows, &expected.to_string(), LONG).await;
    }

    pub(crate) async fn try_count(&self, service: &str, what: &str) -> Result<i64, sqlx::Error> {
        let rows = format!("select count(*) from {what}");
        self.system.looks().value(&self.asked_url(service), &rows).await
    }

    fn asked_url(&self, service: &str) -> String {
        let mut url = reqwest::Url::parse(self.env.database_url(service)).expect("a URL");
        if self.asked_at.is_some() {
            url.set_port(self.asked_at).expect("a URL with a host");
        }
        url.into()
    }
}
