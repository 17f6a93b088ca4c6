//! One test's world: a test environment, services in this process, and a queue that sees every event.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Handle, Migration, Participant, Running, SagaId, Service, Settings};
use ballet_stage::{Servers, TestEnv, wait_until};
use jiff::SignedDuration;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use tokio::sync::Mutex;

pub(crate) const SOON: Duration = Duration::from_secs(60);
/// For many messages, or after something was broken.
pub(crate) const LONG: Duration = Duration::from_secs(180);

pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) services: Vec<Running>,
    /// The port of the server that is asked for rows, if it is another one than at the start.
    pub(crate) asked_at: Option<u16>,
    context: Clock,
    seen: Arc<Mutex<Vec<Value>>>,
}

pub(crate) struct Part {
    pub(crate) participant: Participant,
    pub(crate) tables: &'static [Migration],
}

pub(crate) fn part(participant: Participant, tables: &'static [Migration]) -> Part {
    Part { participant, tables }
}

impl World {
    pub(crate) async fn new(name: &str, parts: Vec<Part>) -> Self {
        let servers = Servers::shared().await.expect("servers");
        Self::on(servers, name, parts).await
    }

    pub(crate) async fn on(servers: &Servers, name: &str, parts: Vec<Part>) -> Self {
        let system = System {
            name: "trips",
            parts: parts.iter().map(|part| part.participant.part()).collect(),
        };
        let names: Vec<&str> = system.parts.iter().map(|part| part.service).collect();
        let definitions = topology::definitions(&system, |_| String::new());
        let env =
            TestEnv::new(servers, name, &definitions, &names).await.expect("a test environment");
        let management = env.management();
        let vhost = env.vhost().to_owned();
        let probe = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
        management
            .call(reqwest::Method::PUT, &["queues", &vhost, "probe"], Some(&probe))
            .await
            .expect("a probe");
        for exchange in ["events", "dead"] {
            let binding = json!({"routing_key": "#"});
            management
                .call(
                    reqwest::Method::POST,
                    &["bindings", &vhost, "e", exchange, "q", "probe"],
                    Some(&binding),
                )
                .await
                .expect("a binding");
        }
        let context = Clock::system();
        let mut world =
            Self { env, services: Vec::new(), asked_at: None, context, seen: Arc::default() };
        for part in parts {
            world.start(part).await;
        }
        world
    }

    pub(crate) async fn start(&mut self, part: Part) {
        self.start_with(part, |_| {}).await;
    }

    pub(crate) async fn start_with(&mut self, part: Part, set: impl FnOnce(&mut Settings)) {
        self.start_by(part, Clock::system(), set).await;
    }

    /// Starts a service that goes by another clock.
    pub(crate) async fn start_by(
        &mut self,
        part: Part,
        context: Clock,
        set: impl FnOnce(&mut Settings),
    ) {
        let service = part.participant.service();
        let mut settings =
            Settings::new(self.env.amqp_url(service), self.env.database_url(service));
        set(&mut settings);
        let service = Service::new(part.participant).migrations(part.tables).clock(context);
        self.services.push(service.start(settings).await.expect("started"));
    }

    /// Lets days pass for a service, by its database's clock. Its processes know within seconds, and
    /// at their start.
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

    /// An id that is made some days from now.
    pub(crate) fn id_after(&self, days: i64) -> String {
        let then = self.context.now() + SignedDuration::from_hours(24 * days);
        self.context.new_id(then).to_string()
    }

    pub(crate) async fn execute(&self, service: &str, sql: &str) {
        let mut db = PgConnection::connect(self.env.database_url(service)).await.expect("a door");
        db.execute(AssertSqlSafe(sql.to_owned())).await.expect("executed");
    }

    pub(crate) fn handle(&self, at: usize) -> &Handle {
        self.services[at].handle()
    }

    pub(crate) fn new_saga(&self) -> SagaId {
        SagaId(self.context.new_id(self.context.now()))
    }

    pub(crate) fn new_id(&self) -> String {
        self.context.new_id(self.context.now()).to_string()
    }

    /// Publishes an event of a saga as the service that owns it would.
    pub(crate) async fn publish<E: Event>(&self, saga: SagaId, event: &E) -> String {
        let id = self.new_id();
        self.publish_as(&id, saga, event).await;
        id
    }

    pub(crate) async fn publish_as<E: Event>(&self, id: &str, saga: SagaId, event: &E) {
        let properties = json!({
            "message_id": id, "type": E::TYPE.name(), "correlation_id": saga.to_string(),
            "app_id": E::TYPE.service(), "content_type": "application/json", "delivery_mode": 2,
        });
        let body = serde_json::to_string(event).expect("JSON");
        self.publish_raw(E::TYPE.name(), &properties, &body).await;
    }

    pub(crate) async fn publish_raw(&self, key: &str, properties: &Value, body: impl AsRef<[u8]>) {
        self.env.management().publish("events", key, properties, body).await.expect("published");
    }

    /// Everything that went through the broker so far, in order.
    pub(crate) async fn seen(&self) -> Vec<Value> {
        let (management, seen) = (self.env.management().clone(), Arc::clone(&self.seen));
        // In a task of its own: whoever waits for this no longer must not lose what is taken.
        let look = tokio::spawn(async move {
            let mut seen = seen.lock().await;
            seen.extend(management.take("probe", 20_000).await.expect("the probe's messages"));
            seen.clone()
        });
        look.await.expect("no panic")
    }

    /// The events of one saga and type.
    pub(crate) async fn events<E: Event>(&self, saga: SagaId) -> Vec<E> {
        let saga = saga.to_string();
        self.seen()
            .await
            .iter()
            .filter(|m| m["exchange"] == "events" && m["routing_key"] == E::TYPE.name())
            .filter(|m| m["properties"]["correlation_id"] == saga.as_str())
            .map(|m| serde_json::from_str(m["payload"].as_str().expect("text")).expect("an event"))
            .collect()
    }

    /// Waits for an event of a saga.
    pub(crate) async fn event<E: Event>(&self, saga: SagaId) -> E {
        wait_until(E::TYPE.name(), SOON, || async {
            Ok::<_, String>(self.events::<E>(saga).await.pop())
        })
        .await
        .expect("the event")
    }

    /// Waits for a number of dead letters.
    pub(crate) async fn dead_letters(&self, count: usize) -> Vec<Value> {
        wait_until("dead letters", SOON, || async {
            let seen = self.seen().await;
            let dead: Vec<Value> = seen.into_iter().filter(|m| m["exchange"] == "dead").collect();
            if dead.len() < count { Err(format!("{} so far", dead.len())) } else { Ok(Some(dead)) }
        })
        .await
        .expect("dead letters")
    }

    pub(crate) async fn count(&self, service: &str, what: &str) -> i64 {
        self.try_count(service, what).await.expect("a count")
    }

    /// Waits until this many rows are there.
    pub(crate) async fn until_count(&self, service: &str, what: &str, expected: i64) {
        wait_until(what, LONG, || async {
            let count = self.try_count(service, what).await.map_err(|error| error.to_string())?;
            if count == expected { Ok(Some(())) } else { Err(format!("{count} of {expected}")) }
        })
        .await
        .expect("the rows");
    }

    pub(crate) async fn try_count(&self, service: &str, what: &str) -> Result<i64, sqlx::Error> {
        let mut url = reqwest::Url::parse(self.env.database_url(service)).expect("a URL");
        if self.asked_at.is_some() {
            url.set_port(self.asked_at).expect("a URL with a host");
        }
        let mut db = PgConnection::connect(url.as_str()).await?;
        let sql = AssertSqlSafe(format!("select count(*) from {what}"));
        let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&mut db).await?;
        Ok(count)
    }
}
