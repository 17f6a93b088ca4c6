//! Services in this process on a real broker and databases, for tests of one service or several.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::{Part, System, topology};
use ballet::{Clock, Event, Handle, Running, SagaId, Service, Settings};
use ballet_stage::{Method, Servers, TestEnv, wait_until};
use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, Decode, PgConnection, Postgres, Type};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::looks::Looks;
use crate::members::members;

const LIMIT: Duration = Duration::from_secs(60);
/// The probe gets a copy of everything published.
const PROBE: &str = "probe";

/// Services in this process, each with its own database, on one virtual host. A queue gets all events and dead
/// letters.
///
/// Tests with separate systems run side by side. The servers are those of [`Servers::shared`]. The methods panic,
/// with the reason, where something is not as the test expects.
///
/// ```no_run
/// # use ballet::{Event, Service};
/// # async fn test<Placed: Event, Reserved: Event>(service: Service, placed: Placed) {
/// use ballet_testkit::TestSystem;
///
/// let system = TestSystem::new("an_order_is_reserved", vec![service]).await;
/// let saga = system.new_saga();
/// system.publish(saga, &placed).await;
/// let reserved: Reserved = system.event(saga).await;
/// system.until("inventory", "select count(*) from reservation", 1).await;
/// system.close(0).await;
/// # }
/// ```
#[derive(Debug)]
pub struct TestSystem {
    // Before the databases, so that its sessions close before those are dropped.
    looks: Looks,
    /// The virtual host and the databases.
    pub env: TestEnv,
    /// The services that run, in the order of their start.
    pub services: Vec<Running>,
    clock: Clock,
    client: Client,
    seen: Arc<Mutex<Vec<Value>>>,
}

impl TestSystem {
    /// Starts these services. `test` is a part of the names of the virtual host and the databases. Warnings are shown
    /// when the test fails, unless the process has its own subscriber.
    pub async fn new(test: &str, services: Vec<Service>) -> Self {
        show_warnings();
        let parts = services.iter().map(Service::part).collect();
        let servers = Servers::shared().await.expect("servers");
        let mut system = Self::prepared_on(servers, test, parts).await;
        for service in services {
            system.start(service).await;
        }
        system
    }

    /// Prepares a virtual host and databases with the framework's tables, as if services with these parts had run
    /// before.
    pub async fn asleep(test: &str, parts: Vec<Part>) -> Self {
        Self::prepared_on(Servers::shared().await.expect("servers"), test, parts).await
    }

    /// Like [`asleep`](Self::asleep) on these servers, but with empty databases.
    pub async fn asleep_on(servers: &Servers, test: &str, parts: Vec<Part>) -> Self {
        let (definitions, names) = definitions_of(parts);
        let env = TestEnv::new(servers, test, &definitions, &names).await;
        Self::in_env(env.expect("an environment"))
    }

    /// Like [`asleep`](Self::asleep), on these servers.
    pub async fn prepared_on(servers: &Servers, test: &str, parts: Vec<Part>) -> Self {
        let (definitions, names) = definitions_of(parts);
        let env = TestEnv::prepared(servers, test, &definitions, &names).await;
        Self::in_env(env.expect("an environment"))
    }

    fn in_env(env: TestEnv) -> Self {
        let (clock, client) = (Clock::system(), Client::new());
        let (looks, services, seen) = (Looks::default(), Vec::new(), Arc::default());
        Self { looks, env, services, clock, client, seen }
    }

    /// Starts a service, or one more process of it.
    pub async fn start(&mut self, service: Service) {
        self.start_with(service, |_| {}).await;
    }

    /// Starts a service with other settings.
    pub async fn start_with(&mut self, service: Service, set: impl FnOnce(&mut Settings)) {
        let name = service.part().service;
        let mut settings = Settings::new(self.env.amqp_url(name), self.env.database_url(name));
        set(&mut settings);
        let running = service.start(settings).await;
        self.services.push(running.unwrap_or_else(|error| panic!("{name} starts: {error}")));
    }

    /// Stops all processes of a service, as SIGTERM would.
    pub async fn stop(&mut self, service: &str) {
        let all = std::mem::take(&mut self.services).into_iter();
        let (stopped, others): (Vec<_>, _) = all.partition(|running| running.service() == service);
        assert!(!stopped.is_empty(), "{service} does not run");
        self.services = others;
        for running in stopped {
            running.stop().await;
        }
    }

    /// Returns the handle of the service that was started at this position.
    pub fn handle(&self, at: usize) -> &Handle {
        self.services[at].handle()
    }

    /// Returns a new id.
    pub fn new_id(&self) -> Uuid {
        self.clock.new_id(self.clock.now())
    }

    /// Returns the id of a new saga.
    pub fn new_saga(&self) -> SagaId {
        SagaId(self.new_id())
    }

    /// Publishes an event of a saga, as the service that owns the type. Returns the message's id.
    pub async fn publish<E: Event>(&self, saga: impl Into<SagaId>, event: &E) -> Uuid {
        let message = self.new_id();
        self.publish_as(message, E::TYPE.service(), Some(saga.into()), event).await;
        message
    }

    /// Publishes an event outside of sagas.
    pub async fn publish_plain<E: Event>(&self, event: &E) -> Uuid {
        let message = self.new_id();
        self.publish_as(message, E::TYPE.service(), None, event).await;
        message
    }

    /// Publishes an event under this message id, as this publisher.
    pub async fn publish_as<E: Event>(
        &self,
        message: Uuid,
        publisher: &str,
        saga: Option<SagaId>,
        event: &E,
    ) {
        let mut properties = json!({ "message_id": message, "type": E::TYPE.name(), "app_id": publisher,
            "content_type": "application/json", "delivery_mode": 2 });
        if let Some(saga) = saga {
            properties["correlation_id"] = json!(saga.0);
        }
        let body = serde_json::to_string(event).expect("JSON");
        self.publish_raw(E::TYPE.name(), &properties, body).await;
    }

    /// Publishes any message to the exchange for events, with properties as the management API writes them.
    pub async fn publish_raw(&self, key: &str, properties: &Value, body: impl AsRef<[u8]>) {
        let published =
            self.env.management().publish(topology::EVENTS, key, properties, body).await;
        published.unwrap_or_else(|error| panic!("{key} is published: {error}"));
    }

    /// Returns all events and dead letters so far, in order, as the management API writes messages. The members of a
    /// pack are messages of their own.
    pub async fn seen(&self) -> Vec<Value> {
        let (management, seen) = (self.env.management().clone(), Arc::clone(&self.seen));
        // A separate task: a caller that stops waiting must not lose the messages taken so far.
        let look = tokio::spawn(async move {
            let mut seen = seen.lock().await;
            let taken = management.take(PROBE, 20_000).await.expect("the probe's messages");
            seen.extend(taken.into_iter().flat_map(members));
            seen.clone()
        });
        look.await.expect("no panic")
    }

    /// Returns the events of one type so far, whether of a saga or not.
    pub async fn all_events<E: Event>(&self) -> Vec<E> {
        self.of_type(|_| true).await
    }

    /// Returns the events of one type and saga so far.
    pub async fn events<E: Event>(&self, saga: impl Into<SagaId>) -> Vec<E> {
        let saga = saga.into().to_string();
        self.of_type(|message| message["properties"]["correlation_id"] == saga.as_str()).await
    }

    async fn of_type<E: Event>(&self, counts: impl Fn(&Value) -> bool) -> Vec<E> {
        let is_it = |message: &&Value| {
            message["exchange"] == topology::EVENTS
                && message["routing_key"] == E::TYPE.name()
                && counts(message)
        };
        let event = |message: &Value| {
            let body = message["payload"].as_str().expect("text");
            serde_json::from_str(body)
                .unwrap_or_else(|error| panic!("{body} is {}: {error}", E::TYPE))
        };
        self.seen().await.iter().filter(is_it).map(event).collect()
    }

    /// Waits for an event of a saga, and returns the last one.
    pub async fn event<E: Event>(&self, saga: impl Into<SagaId>) -> E {
        let saga = saga.into();
        let what = format!("{} of saga {saga}", E::TYPE);
        let found = wait_until(&what, LIMIT, || async {
            Ok::<_, String>(self.events::<E>(saga).await.pop())
        });
        found.await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits for at least this many dead letters. Their headers have the reasons.
    pub async fn dead_letters(&self, count: usize) -> Vec<Value> {
        let dead = wait_until("dead letters", LIMIT, || async {
            let mut dead = self.seen().await;
            dead.retain(|message| message["exchange"] == topology::DEAD);
            if dead.len() < count { Err(format!("{} so far", dead.len())) } else { Ok(Some(dead)) }
        });
        dead.await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// Executes statements in the database of a service. A transaction, lock or setting needs a session from
    /// [`database`](Self::database).
    pub async fn execute(&self, service: &str, sql: &str) {
        let done = self.looks.execute(self.env.database_url(service), sql).await;
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// Runs HTTP requests, and lets nothing be written to a table of a service until so many transactions wait: what each
    /// of them has read, it has read before the others wrote. A lock that was not taken shows in what they do. Steps of
    /// sagas do not meet, since they wait only for a moment.
    ///
    /// Panics if fewer wait after ten seconds.
    pub async fn meeting<T>(
        &self,
        (service, table): (&str, &str),
        waiting: u8,
        requests: impl Future<Output = T>,
    ) -> T {
        let hold = format!(
            "do $$ begin
                lock table {table} in share mode;
                for look in 1..1000 loop
                    perform pg_sleep(0.01), pg_stat_clear_snapshot();
                    if (select count(*) from pg_stat_activity
                        where wait_event_type = 'Lock' and datname = current_database()) >= {waiting}
                    then return; end if;
                end loop;
                raise 'fewer than {waiting} have met';
            end $$"
        );
        let held = format!(
            "select count(*) from pg_locks where relation = '{table}'::regclass
                and mode = 'ShareLock' and granted
                and database = (select oid from pg_database where datname = current_database())"
        );
        let meet = async {
            self.until(service, &held, 1).await;
            requests.await
        };
        tokio::join!(self.execute(service, &hold), meet).1
    }

    /// Returns the single value that a query of a service's database yields.
    pub async fn value<T>(&self, service: &str, sql: &str) -> T
    where
        T: Send + Unpin + for<'r> Decode<'r, Postgres> + Type<Postgres>,
    {
        let value = self.looks.value(self.env.database_url(service), sql).await;
        value.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Waits until a query of a service's database yields this one value, as text.
    pub async fn until(&self, service: &str, sql: &str, expected: impl ToString) {
        let url = self.env.database_url(service);
        self.looks.until(url, sql, &expected.to_string(), LIMIT).await;
    }

    /// Returns the watched sessions, to add further reads.
    #[doc(hidden)]
    pub fn looks(&self) -> &Looks {
        &self.looks
    }

    /// Opens a session in the database of a service.
    pub async fn database(&self, service: &str) -> PgConnection {
        let db = PgConnection::connect(self.env.database_url(service)).await;
        db.unwrap_or_else(|error| panic!("the database of {service}: {error}"))
    }

    /// Returns the address of a service's routes.
    pub fn url(&self, service: &str) -> String {
        let running = self.services.iter().find(|running| running.service() == service);
        let running = running.unwrap_or_else(|| panic!("{service} does not run"));
        format!("http://{}", running.address())
    }

    /// Gets a path, and returns the status and the body of the answer.
    pub async fn get(&self, service: &str, path: &str) -> (StatusCode, Value) {
        self.request(Method::GET, service, path, None).await
    }

    /// Posts a body, and returns the status and the body of the answer.
    pub async fn post(&self, service: &str, path: &str, body: &Value) -> (StatusCode, Value) {
        self.request(Method::POST, service, path, Some(body)).await
    }

    /// Sends a request, and returns the status and the body of the answer.
    pub async fn request(
        &self,
        method: Method,
        service: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (StatusCode, Value) {
        let request = self.client.request(method, format!("{}{path}", self.url(service)));
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        Self::answered(request).await
    }

    /// Posts a body under an `Idempotency-Key`, and returns the status and the body of the answer.
    pub async fn post_under_key(
        &self,
        service: &str,
        path: &str,
        key: &str,
        body: &Value,
    ) -> (StatusCode, Value) {
        let request = self.client.post(format!("{}{path}", self.url(service))).json(body);
        Self::answered(request.header("Idempotency-Key", key)).await
    }

    async fn answered(request: RequestBuilder) -> (StatusCode, Value) {
        let answer = request.send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("text"));
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Stops all services, and removes their virtual host and databases. There have to be this many dead letters.
    pub async fn close(self, dead_letters: usize) {
        let dead = self.dead_letters(dead_letters).await;
        assert_eq!(dead.len(), dead_letters, "dead letters: {dead:#?}");
        for running in self.services {
            running.stop().await;
        }
        drop(self.looks);
        self.env.close().await.expect("closed");
    }
}

fn show_warnings() {
    let lines = tracing_subscriber::fmt().with_test_writer().without_time().with_ansi(false);
    // From the second test on, the process has a subscriber.
    drop(lines.with_max_level(tracing::Level::WARN).try_init());
}

/// Includes the queue that gets everything. Returns the services' names, too.
fn definitions_of(parts: Vec<Part>) -> (Value, Vec<&'static str>) {
    let names = parts.iter().map(|part| part.service).collect();
    let system = System { name: "test", parts };
    let mut definitions = topology::definitions(&system, |_| String::new());
    let vhost = system.name;
    // A classic queue has a message as soon as it is published.
    let probe = json!({ "name": PROBE, "vhost": vhost, "durable": true, "auto_delete": false,
        "arguments": { "x-queue-type": "classic" } });
    let all_of = |exchange: &str| {
        json!({ "source": exchange, "vhost": vhost, "destination": PROBE, "destination_type": "queue",
            "routing_key": "#", "arguments": {} })
    };
    let (events, dead) = (all_of(topology::EVENTS), all_of(topology::DEAD));
    for (section, entry) in [("queues", probe), ("bindings", events), ("bindings", dead)] {
        definitions[section].as_array_mut().expect("a list").push(entry);
    }
    (definitions, names)
}
