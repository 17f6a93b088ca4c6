//! One test's world: real databases, and a broker in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Migration, Participant, Running, SagaId, Service, Settings};
use ballet_amqp::{AMQPValue, BasicProperties, FieldTable, Publish};
use ballet_stage::{Database, Postgres, wait_until};
use ballet_testkit::memory::MemoryBroker;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The trace of the messages from outside.
pub(crate) const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) struct Stage {
    pub(crate) databases: BTreeMap<String, Database>,
    pub(crate) broker: MemoryBroker,
    context: Clock,
    /// Held by whatever of a service still runs, in the order of their starts.
    alive: Mutex<Vec<Weak<MemoryBroker>>>,
}

impl Stage {
    pub(crate) async fn new(name: &str, parts: &[Participant]) -> Self {
        let postgres = Postgres::shared().await.expect("a Postgres");
        let system = System { name: "trips", parts: parts.iter().map(Participant::part).collect() };
        let names: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&system, |_| String::new());
        let databases = Database::prepared(postgres, name, &names).await.expect("databases");
        let broker = MemoryBroker::with_definitions(&definitions);
        Self { databases, broker, context: Clock::system(), alive: Mutex::default() }
    }

    /// Starts one replica of a service.
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
        // The clock stands still: the table that is written to keeps its turn.
        let clock = Clock::system();
        let now = clock.now();
        let seed = u64::from_le_bytes(clock.new_id(now).into_bytes()[8..].try_into().expect("8"));
        self.start_by(participant, tables, Clock::standing(now, seed), set).await
    }

    /// Starts one replica that goes by this clock.
    pub(crate) async fn start_by(
        &self,
        participant: Participant,
        tables: &'static [Migration],
        clock: Clock,
        set: impl FnOnce(&mut Settings),
    ) -> Running {
        let database = self.databases[participant.service()].url();
        let mut settings = Settings::new("amqp://in.memory", database);
        set(&mut settings);
        let broker = Arc::new(self.broker.clone());
        self.alive.lock().expect("not poisoned").push(Arc::downgrade(&broker));
        Service::new(participant)
            .migrations(tables)
            .broker(broker)
            .clock(clock)
            .start(settings)
            .await
            .expect("started")
    }

    /// Ends the service that was started first, as a crash does.
    pub(crate) async fn crash(&self, first: Running) {
        drop(first);
        let alive = || self.alive.lock().expect("not poisoned")[0].strong_count();
        until("the end of it", alive, 0).await;
    }

    pub(crate) fn new_saga(&self) -> SagaId {
        SagaId(self.context.new_id(self.context.now()))
    }

    pub(crate) fn new_id(&self) -> String {
        self.context.new_id(self.context.now()).to_string()
    }

    /// Publishes an event as its service would; plain if there is no saga.
    pub(crate) fn put<E: Event>(&self, id: &str, saga: Option<SagaId>, event: &E) {
        let mut headers = FieldTable::default();
        headers.insert("traceparent".into(), AMQPValue::LongString(TRACE.into()));
        let mut properties = BasicProperties::default()
            .with_message_id(id.into())
            .with_type(E::TYPE.name().into())
            .with_app_id(E::TYPE.service().into())
            .with_content_type("application/json".into())
            .with_headers(headers);
        if let Some(saga) = saga {
            properties = properties.with_correlation_id(saga.to_string().into());
        }
        self.broker.put(&Publish {
            exchange: "events".to_owned(),
            routing_key: E::TYPE.name().to_owned(),
            mandatory: false,
            properties,
            body: serde_json::to_vec(event).expect("JSON").into(),
        });
    }

    /// The messages of a type that the broker took.
    pub(crate) fn taken<E: Event>(&self) -> Vec<Publish> {
        let mut taken = self.broker.taken();
        taken.retain(|m| m.exchange == "events" && m.routing_key == E::TYPE.name());
        taken
    }

    pub(crate) async fn until_taken<E: Event>(&self, count: usize) -> Vec<Publish> {
        until(E::TYPE.name(), || self.taken::<E>().len(), count).await;
        self.taken::<E>()
    }

    /// How many copies were set aside, or put off for later.
    pub(crate) fn copies(&self) -> usize {
        self.broker.taken().iter().filter(|message| message.exchange != "events").count()
    }

    /// Waits until a service has acknowledged everything.
    pub(crate) async fn until_settled(&self, service: &str) {
        let open = || self.broker.ready(service).len() + self.broker.unacked(service);
        until("nothing left to handle", open, 0).await;
    }

    pub(crate) async fn connect(&self, service: &str) -> PgConnection {
        PgConnection::connect(self.databases[service].url()).await.expect("a database")
    }

    pub(crate) async fn execute(&self, service: &str, sql: &str) {
        execute(&mut self.connect(service).await, sql).await;
    }

    pub(crate) async fn count(&self, service: &str, what: &str) -> i64 {
        self.try_count(service, what).await.expect("a count")
    }

    async fn try_count(&self, service: &str, what: &str) -> Result<i64, sqlx::Error> {
        let mut db = PgConnection::connect(self.databases[service].url()).await?;
        let sql = AssertSqlSafe(format!("select count(*) from {what}"));
        let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&mut db).await?;
        Ok(count)
    }

    pub(crate) async fn until_count(&self, service: &str, what: &str, expected: i64) {
        wait_until(what, SOON, || async {
            match self.try_count(service, what).await {
                Ok(count) if count == expected => Ok(Some(())),
                other => Err(format!("{other:?}, not {expected}")),
            }
        })
        .await
        .expect("the rows");
    }

    /// Waits until this many sessions of a service wait for a lock.
    pub(crate) async fn until_waiting(&self, service: &str, sessions: i64) {
        let waiting = "pg_stat_activity where datname = current_database() \
                       and wait_event_type = 'Lock'";
        self.until_count(service, waiting, sessions).await;
    }
}

/// A header with text.
pub(crate) fn header(message: &Publish, name: &str) -> String {
    let headers = message.properties.headers().as_ref().expect("headers").inner();
    match headers.get(name) {
        Some(AMQPValue::LongString(text)) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        other => format!("{other:?}"),
    }
}

pub(crate) async fn execute(db: &mut PgConnection, sql: &str) {
    db.execute(AssertSqlSafe(sql.to_owned())).await.expect("executed");
}

pub(crate) async fn until<T: PartialEq + std::fmt::Debug>(
    what: &str,
    value: impl Fn() -> T,
    expected: T,
) {
    wait_until(what, SOON, || async {
        let value = value();
        if value == expected { Ok(Some(())) } else { Err(format!("{value:?}, not {expected:?}")) }
    })
    .await
    .expect(what);
}

/// The statement, which writes to `ballet.outbox_left`, for an outbox table of a process that is gone.
pub(crate) fn left_by_a_gone_process(statement: &str) -> String {
    format!(
        "do $do$ begin execute replace($left${statement}$left$, 'outbox_left', \
             'outbox_' || ballet.take_outbox(99999)); end $do$"
    )
}
