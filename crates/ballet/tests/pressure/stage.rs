//! One test's service, its database, and a broker in memory.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use ballet::core::{System, topology};
use ballet::{Clock, Event, Handle, Migration, Participant, Saga, SagaId};
use ballet::{Running, Service, Settings};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::{Database, Postgres, wait_until};
use ballet_testkit::memory::MemoryBroker;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

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

/// The statement by which a room is booked.
pub(crate) const BOOK: &str = "insert into room (saga_id, city) values ($1, $2)";

type Routes = fn(Handle) -> Router;

pub(crate) struct Stage {
    database: Database,
    pub(crate) broker: MemoryBroker,
    clock: Clock,
}

impl Stage {
    pub(crate) async fn new(name: &str, participant: &Participant) -> Self {
        Self::on(Postgres::shared().await.expect("Postgres"), name, participant).await
    }

    pub(crate) async fn on(postgres: &Postgres, name: &str, participant: &Participant) -> Self {
        let database = Database::new(postgres, name).await.expect("a database");
        let system = System { name: "trips", parts: vec![participant.part()] };
        let definitions = topology::definitions(&system, |_| String::new());
        let broker = MemoryBroker::with_definitions(&definitions);
        Self { database, broker, clock: Clock::system() }
    }

    pub(crate) fn url(&self) -> &str {
        self.database.url()
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
        let mut settings = Settings::new("amqp://in.memory", self.url());
        settings.drain_seconds = 2;
        set(&mut settings);
        Service::new(participant)
            .migrations(TABLES)
            .broker(Arc::new(self.broker.clone()))
            .routes(routes)
            .start(settings)
            .await
            .expect("started")
    }

    pub(crate) fn new_saga(&self) -> SagaId {
        SagaId(self.clock.new_id(self.clock.now()))
    }

    /// Books a trip of a new saga.
    pub(crate) fn book(&self, city: &str) -> SagaId {
        let saga = self.new_saga();
        self.put(saga, &TripBooked { city: city.to_owned() });
        saga
    }

    /// Books trips to Rome.
    pub(crate) fn book_many(&self, count: usize) -> Vec<SagaId> {
        (0..count).map(|_| self.book("Rome")).collect()
    }

    pub(crate) fn put<E: Event>(&self, saga: SagaId, event: &E) {
        let properties = BasicProperties::default()
            .with_message_id(self.clock.new_id(self.clock.now()).to_string().into())
            .with_type(E::TYPE.name().into())
            .with_app_id(E::TYPE.service().into())
            .with_content_type("application/json".into())
            .with_correlation_id(saga.to_string().into());
        self.broker.put(&Publish {
            exchange: "events".to_owned(),
            routing_key: E::TYPE.name().to_owned(),
            mandatory: false,
            properties,
            body: serde_json::to_vec(event).expect("JSON").into(),
        });
    }

    /// The messages that were set aside: the city of each, and the reason with its detail.
    pub(crate) fn dead_letters(&self) -> Vec<(String, String)> {
        let mut dead = self.broker.taken();
        dead.retain(|message| message.exchange == "dead");
        let read = |message: &Publish| {
            let body: Value = serde_json::from_slice(&message.body).expect("JSON");
            let city = body["city"].as_str().unwrap_or_default().to_owned();
            let headers = message.properties.headers().clone().unwrap_or_default();
            let header = |name: &str| match headers.inner().get(name) {
                Some(ballet_amqp::AMQPValue::LongString(text)) => text.to_string(),
                other => format!("{other:?}"),
            };
            (city, format!("{}: {}", header("x-dead-reason"), header("x-dead-detail")))
        };
        dead.iter().map(read).collect()
    }

    /// How many copies were put off for later.
    pub(crate) fn put_off(&self) -> usize {
        self.broker.taken().iter().filter(|message| message.exchange.starts_with("retry")).count()
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        PgConnection::connect(self.url()).await.expect("a database")
    }

    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        self.connect().await.execute(sql).await.expect("executed");
    }

    pub(crate) async fn count(&self, what: &str) -> i64 {
        self.try_count(what).await.expect("a count")
    }

    async fn try_count(&self, what: &str) -> Result<i64, sqlx::Error> {
        let sql = AssertSqlSafe(format!("select count(*) from {what}"));
        let mut db = PgConnection::connect(self.url()).await?;
        let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&mut db).await?;
        Ok(count)
    }

    /// The same, but what waits for its time is made due meanwhile, in a table's column.
    pub(crate) async fn until_hurried(&self, what: &str, (table, column): (&str, &str)) {
        let hurry = format!(
            "update {table} set {column} = now() - interval '1 minute' \
             where {column} > now() and {column} < now() + interval '1 day'"
        );
        wait_until(what, 2 * SOON, || async {
            let mut db = PgConnection::connect(self.url()).await?;
            db.execute(AssertSqlSafe(hurry.clone())).await?;
            Ok::<_, sqlx::Error>((self.try_count(what).await? == 1).then_some(()))
        })
        .await
        .expect("the row");
    }

    pub(crate) async fn until_count(&self, what: &str, expected: i64) {
        wait_until(what, SOON, || async {
            let count = self.try_count(what).await.map_err(|error| error.to_string())?;
            if count == expected { Ok(Some(())) } else { Err(format!("{count} of {expected}")) }
        })
        .await
        .expect("the rows");
    }
}

/// Waits until something has this value.
pub(crate) async fn until<T: PartialEq + std::fmt::Debug>(
    what: &str,
    look: impl Fn() -> T,
    expected: T,
) {
    wait_until(what, SOON, || async {
        let now = look();
        if now == expected { Ok(Some(())) } else { Err(format!("{now:?} of {expected:?}")) }
    })
    .await
    .expect("what was awaited");
}
