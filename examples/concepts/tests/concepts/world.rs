//! One test's world: a broker and databases, services of the cinema, and a queue that gets all that is published.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ballet::core::{Part, System, topology};
use ballet::{Clock, Event, Running, Service, Settings};
use ballet_stage::{Method, Servers, TestEnv, wait_until};
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

/// For what hangs: nothing here takes long.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The queue that gets everything.
const PROBE: &str = "probe";

pub(crate) struct World {
    pub(crate) env: TestEnv,
    pub(crate) client: Client,
    clock: Clock,
    running: BTreeMap<&'static str, Running>,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl World {
    /// These services, which run.
    pub(crate) async fn new(name: &str, services: Vec<Service>) -> Self {
        let mut world = Self::asleep(name, services.iter().map(Service::part).collect()).await;
        for service in services {
            world.start(service).await;
        }
        world
    }

    /// What these services need; none of them runs.
    pub(crate) async fn asleep(name: &str, parts: Vec<Part>) -> Self {
        let servers = Servers::shared().await.expect("servers");
        let names: Vec<&str> = parts.iter().map(|part| part.service).collect();
        let system = System { name: "cinema", parts };
        let definitions = topology::definitions(&system, |_| String::new());
        let env =
            TestEnv::new(servers, name, &definitions, &names).await.expect("a test environment");
        let management = env.management();
        let (queue, all) = (json!({ "durable": true }), json!({ "routing_key": "#" }));
        let path = ["queues", env.vhost(), PROBE];
        management.call(Method::PUT, &path, Some(&queue)).await.expect("a probe");
        for exchange in ["events", "dead", "retry.5s"] {
            let path = ["bindings", env.vhost(), "e", exchange, "q", PROBE];
            management.call(Method::POST, &path, Some(&all)).await.expect("a binding");
        }
        let (client, clock) = (Client::new(), Clock::system());
        Self { env, client, clock, running: BTreeMap::new(), seen: Arc::default() }
    }

    pub(crate) async fn start(&mut self, service: Service) {
        let name = service.part().service;
        let settings = Settings::new(self.env.amqp_url(name), self.env.database_url(name));
        let running = service.start(settings).await.expect("started");
        self.running.insert(name, running);
    }

    pub(crate) async fn stop(&mut self, name: &str) {
        self.running.remove(name).expect("it runs").stop().await;
    }

    pub(crate) fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Publishes an event of a saga, as its service would.
    pub(crate) async fn publish<E: Event>(&self, saga_id: Uuid, event: &E) {
        self.publish_as(E::TYPE.service(), self.new_id(), Some(saga_id), event).await;
    }

    /// Publishes an event outside of sagas.
    pub(crate) async fn publish_plain<E: Event>(&self, publisher: &str, event: &E) {
        self.publish_as(publisher, self.new_id(), None, event).await;
    }

    pub(crate) async fn publish_as<E: Event>(
        &self,
        publisher: &str,
        message_id: Uuid,
        saga_id: Option<Uuid>,
        event: &E,
    ) {
        let mut properties = json!({ "message_id": message_id, "type": E::TYPE.name(), "app_id": publisher,
            "content_type": "application/json", "delivery_mode": 2 });
        if let Some(saga_id) = saga_id {
            properties["correlation_id"] = json!(saga_id);
        }
        let body = serde_json::to_string(event).expect("JSON");
        let management = self.env.management();
        management.publish("events", E::TYPE.name(), &properties, body).await.expect("published");
    }

    /// The messages that went through an exchange so far, in order.
    pub(crate) async fn seen(&self, exchange: &str) -> Vec<Value> {
        let (management, seen) = (self.env.management().clone(), Arc::clone(&self.seen));
        // In a task of its own: whoever waits for this no longer must not lose what is taken.
        let look = tokio::spawn(async move {
            let mut seen = seen.lock().await;
            seen.extend(management.take(PROBE, 1_000).await.expect("the probe's messages"));
            seen.clone()
        });
        let mut seen = look.await.expect("no panic");
        seen.retain(|message| message["exchange"] == exchange);
        seen
    }

    /// The events of one type so far, each with its saga.
    pub(crate) async fn events<E: Event>(&self) -> Vec<(Option<Uuid>, E)> {
        let event = |message: &Value| {
            let saga_id = message["properties"]["correlation_id"].as_str();
            let body = message["payload"].as_str().expect("text");
            let saga_id = saga_id.map(|saga_id| saga_id.parse().expect("a UUID"));
            (saga_id, serde_json::from_str(body).expect("an event"))
        };
        let seen = self.seen("events").await;
        let of_type = seen.iter().filter(|message| message["routing_key"] == E::TYPE.name());
        of_type.map(event).collect()
    }

    /// The events of one type and saga so far.
    pub(crate) async fn events_of<E: Event>(&self, saga_id: Uuid) -> Vec<E> {
        let events = self.events::<E>().await.into_iter();
        events.filter(|(of, _)| *of == Some(saga_id)).map(|(_, event)| event).collect()
    }

    /// Waits for an event of a saga, of which there must be one.
    pub(crate) async fn event<E: Event>(&self, saga_id: Uuid) -> E {
        let mut events = wait_until(E::TYPE.name(), SOON, || async {
            let events = self.events_of::<E>(saga_id).await;
            Ok::<_, String>(Some(events).filter(|events| !events.is_empty()))
        })
        .await
        .expect("the event");
        assert_eq!(events.len(), 1, "{} of saga {saga_id}", E::TYPE);
        events.remove(0)
    }

    /// Waits for a dead letter, and returns its headers.
    pub(crate) async fn dead_letter(&self) -> Value {
        let letter = wait_until("a dead letter", SOON, || async {
            Ok::<_, String>(self.seen("dead").await.pop())
        });
        letter.await.expect("a dead letter")["properties"]["headers"].clone()
    }

    /// The only number or text that a query yields.
    pub(crate) async fn value<T>(&self, service: &str, sql: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let mut db =
            PgConnection::connect(self.env.database_url(service)).await.expect("a database");
        let value = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&mut db).await;
        value.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Waits until a query yields this number.
    pub(crate) async fn until(&self, service: &str, sql: &str, expected: i64) {
        wait_until(sql, SOON, || async {
            let found: i64 = self.value(service, sql).await;
            if found == expected { Ok(Some(())) } else { Err(format!("{found} of {expected}")) }
        })
        .await
        .expect("the rows");
    }

    pub(crate) async fn request(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let url = format!("http://{}{path}", self.running[service].address());
        let request = self.client.request(method, url);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    pub(crate) async fn post(
        &self,
        service: &str,
        path: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        self.request(Method::POST, service, path, Some(body)).await
    }

    pub(crate) async fn get(&self, service: &str, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, service, path, None).await
    }

    /// Ends the test, with as many dead letters as it expects.
    pub(crate) async fn close(self, dead_letters: usize) {
        let dead = self.seen("dead").await;
        assert_eq!(dead.len(), dead_letters, "{dead:#?}");
        for running in self.running.into_values() {
            running.stop().await;
        }
        self.env.close().await.expect("closed");
    }
}

/// The answer to a request that began something: its id.
pub(crate) fn id((status, body): (StatusCode, Value)) -> Uuid {
    assert!(status.is_success(), "{status}: {body}");
    serde_json::from_value(body).expect("an id")
}
