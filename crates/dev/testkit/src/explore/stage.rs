//! The services of a system in this process, which do one thing at a time and come to rest after it.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ballet::core::{Part, Role, System, topology};
use ballet::{Running, Service, Settings};
use ballet_amqp::headers::{DEAD_DETAIL, text_header};
use ballet_amqp::{Publish, pack};
use ballet_ops::audit::{BrokerSnapshot, DeadLetterSnapshot, Report, audit};
use ballet_stage::Postgres;
use jiff::SignedDuration;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::explore::action::MessageName;
use crate::memory::wire::Wire;
use crate::memory::{MemoryBroker, MemorySystem};

/// For what hangs.
pub(super) const LIMIT: Duration = Duration::from_secs(30);
pub(super) const LOOK: Duration = Duration::from_millis(1);
const REPLICAS: usize = 2;
/// While a session holds this lock, transactions that have taken a message in wait at their commit.
const GATE: &str = "create function public.explore_gate() returns trigger language plpgsql as \
    $$ begin perform pg_advisory_xact_lock_shared(58); return null; end $$; \
    create constraint trigger explore_gate after insert on ballet.inbox deferrable initially deferred \
    for each row execute function public.explore_gate(); \
    create constraint trigger explore_gate after insert on ballet.inbox_other deferrable initially deferred \
    for each row execute function public.explore_gate()";
/// Calls that somebody is about to make, and events that are not marked as published.
const UNFINISHED: &str = "select null from ballet.call where closed_at is null \
        and next_at < 'infinity' and not (owner = 0 and next_at > ballet.now()) \
    union all select message_id from (select message_id, position, \
        min(position) over (partition by owner, batch) as least from ballet.outbox()) as o where least >= 0";

/// Why a stage does not do what it is asked: a sentence.
pub(super) type Done<T> = Result<T, String>;

/// The addresses of the running services.
pub type Urls = Arc<Mutex<BTreeMap<String, String>>>;

type MakeService = Box<dyn Fn(&Settings) -> Done<Service>>;

/// A service to explore.
pub struct ExploredService {
    part: Part,
    make: MakeService,
}

impl ExploredService {
    /// A service with these declarations, which is made anew for each process.
    pub fn new(part: Part, make: impl Fn(&Settings) -> Result<Service, String> + 'static) -> Self {
        Self { part, make: Box::new(make) }
    }
}

impl fmt::Debug for ExploredService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExploredService")
            .field("service", &self.part.service)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Replica {
    // Dropping it is a crash.
    running: Running,
    wire: Wire,
}

/// Running services, two replicas of each.
#[derive(Debug)]
pub struct Stage {
    // Before the databases, which are dropped last.
    replicas: BTreeMap<&'static str, Vec<Replica>>,
    /// Two sessions with each database: one to look, one to hold the gate.
    pub(super) sessions: BTreeMap<&'static str, (PgConnection, PgConnection)>,
    services: Vec<ExploredService>,
    begins: HashSet<&'static str>,
    published: HashSet<String>,
    seen: usize,
    urls: Urls,
    /// The broker and the databases.
    pub memory: MemorySystem,
}

impl Stage {
    pub(super) async fn open(test: &str, services: Vec<ExploredService>) -> Done<Self> {
        let postgres = Postgres::shared().await.map_err(ToString::to_string)?;
        let parts: Vec<Part> = services.iter().map(|service| service.part.clone()).collect();
        let system = System { name: "explored", parts };
        let types = system.known_types();
        let begins = types.iter().filter(|event| event.role() == Role::StartsSaga);
        let begins = begins.map(ballet::EventType::name).collect();
        let memory = MemorySystem::of_parts(postgres, test, system.parts).await;
        let mut stage = Self {
            replicas: BTreeMap::new(),
            sessions: BTreeMap::new(),
            services,
            begins,
            published: HashSet::new(),
            seen: 0,
            urls: Urls::default(),
            memory,
        };
        for service in stage.names() {
            let url = stage.memory.url(service).to_owned();
            let mut gate = said(PgConnection::connect(&url).await)?;
            said(gate.execute(GATE).await)?;
            stage.sessions.insert(service, (said(PgConnection::connect(&url).await)?, gate));
            stage.start(service).await?;
        }
        Ok(stage)
    }

    /// Returns the names of the services.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.services.iter().map(|service| service.part.service).collect()
    }

    /// Returns the URLs of the services, which change when one dies.
    #[must_use]
    pub fn urls(&self) -> Urls {
        Arc::clone(&self.urls)
    }

    /// Starts the replicas that are missing.
    pub(super) async fn start(&mut self, service: &'static str) -> Done<()> {
        let found = self.services.iter().find(|one| one.part.service == service);
        let explored = found.ok_or_else(|| format!("there is no {service}"))?;
        let replicas = self.replicas.entry(service).or_default();
        while replicas.len() < REPLICAS {
            let mut settings = self.memory.settings(service);
            settings.database_connections = Some(8);
            let wire = Wire::to(&self.memory.broker);
            let made = (explored.make)(&settings)?.broker(Arc::new(wire.clone()));
            let running = said(made.start(settings).await)?;
            replicas.push(Replica { running, wire });
        }
        if let Some(first) = replicas.first() {
            let url = format!("http://{}", first.running.address());
            let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
            urls.insert(service.to_owned(), url);
        }
        let broker = self.memory.broker.clone();
        until(&format!("the consumers of {service}"), async || {
            Ok(broker.consumers(service) == REPLICAS)
        })
        .await
    }

    /// Ends all replicas of a service as `kill -9` would.
    pub(super) fn kill(&mut self, service: &str) {
        for Replica { running, wire } in
            self.replicas.get_mut(service).into_iter().flat_map(std::mem::take)
        {
            drop(running);
            wire.cut();
        }
    }

    pub(super) fn session(&mut self, service: &str) -> Done<&mut PgConnection> {
        let found = self.sessions.get_mut(service).map(|(look, _)| look);
        found.ok_or_else(|| format!("there is no {service}"))
    }

    /// Waits until these services have nothing in hand: what they committed is published, and no call is being made.
    pub(super) async fn rest(&mut self, services: &[&'static str]) -> Done<()> {
        let broker = self.memory.broker.clone();
        until("all that was handed over to be handled", async || Ok(broker.in_hand() == 0)).await?;
        for service in services {
            let begun = Instant::now();
            loop {
                let found: Vec<Option<Uuid>> =
                    said(sqlx::query_scalar(UNFINISHED).fetch_all(self.session(service)?).await)?;
                self.look_at_published(&broker);
                let is_out = |id: &Option<Uuid>| {
                    id.is_some_and(|id| self.published.contains(&id.to_string()))
                };
                if found.iter().all(is_out) {
                    break;
                }
                if begun.elapsed() > LIMIT {
                    return Err(format!(
                        "{service} does not come to rest: a call or an event stays"
                    ));
                }
                tokio::time::sleep(LOOK).await;
            }
        }
        Ok(())
    }

    fn look_at_published(&mut self, broker: &MemoryBroker) {
        let new = broker.taken_after(self.seen);
        self.seen += new.len();
        for message in &new {
            let members = pack::apart(message);
            let all = std::iter::once(message).chain(&members);
            let ids = all.filter_map(|one| one.properties.message_id().as_ref());
            self.published.extend(ids.map(ToString::to_string));
        }
    }

    /// Waits until nothing moves any more, in all services. What one publishes may set another going.
    pub(super) async fn rest_all(&mut self) -> Done<()> {
        let begun = Instant::now();
        loop {
            let taken = self.taken();
            self.rest(&self.names()).await?;
            if taken == self.taken() {
                return Ok(());
            }
            if begun.elapsed() > LIMIT {
                return Err("the services do not come to rest: they go on publishing".to_owned());
            }
        }
    }

    /// Waits as [`rest_all`](Self::rest_all), and until every event is marked as published.
    pub(super) async fn settle(&mut self) -> Done<()> {
        self.rest_all().await?;
        for service in self.names() {
            self.memory.until_published(service).await;
        }
        Ok(())
    }

    /// Returns the messages that wait in these queues, with the saga of each.
    pub(super) fn waiting(&self, queue: &str) -> Vec<(String, Option<Uuid>)> {
        let name = |message: &Publish| {
            let properties = &message.properties;
            let kind = properties.kind().as_ref().map(ToString::to_string);
            let event = kind.unwrap_or_else(|| message.routing_key.clone());
            let begins = self.begins.contains(event.as_str());
            let id = properties.correlation_id().as_ref();
            let id = id.or_else(|| properties.message_id().as_ref().filter(|_| begins));
            (event, id.and_then(|id| id.as_str().parse().ok()))
        };
        self.memory.broker.ready(queue).iter().map(name).collect()
    }

    pub(super) async fn deliver(
        &mut self,
        message: &MessageName,
        at: usize,
        is_copy: bool,
    ) -> Done<()> {
        self.memory.broker.hand_over(&message.queue, at, is_copy);
        let service = self.known(&message.queue)?;
        self.rest(&[service]).await
    }

    pub(super) fn known(&self, service: &str) -> Done<&'static str> {
        let found = self.names().into_iter().find(|name| *name == service);
        found.ok_or_else(|| format!("there is no {service}"))
    }

    /// Waits until a call that is due later has come to something. Returns false if there are none.
    pub(super) async fn wait_for_calls(&mut self) -> Done<bool> {
        let (begun, before) = (Instant::now(), (self.open_calls().await?, self.taken()));
        if before.0 == 0 {
            return Ok(false);
        }
        // One that watches stays open until a client moves.
        while (self.open_calls().await?, self.taken()) == before {
            if begun.elapsed() > LIMIT {
                return Err("a call is made again and again".to_owned());
            }
            tokio::time::sleep(10 * LOOK).await;
        }
        self.rest_all().await?;
        Ok(true)
    }

    async fn open_calls(&mut self) -> Done<i64> {
        let open =
            "select count(*) from ballet.call where closed_at is null and next_at < 'infinity'";
        let mut all = 0;
        for service in self.names() {
            let open = sqlx::query_scalar::<_, i64>(open);
            all += said(open.fetch_one(self.session(service)?).await)?;
        }
        Ok(all)
    }

    fn taken(&self) -> usize {
        self.memory.broker.taken_count()
    }

    /// Returns the sagas with a deadline that has not passed, in the database of a service.
    pub(super) async fn deadlines(&mut self, service: &str) -> Done<Vec<Uuid>> {
        let open = "select saga_id from ballet.deadline order by saga_id";
        said(sqlx::query_scalar(open).fetch_all(self.session(service)?).await)
    }

    pub(super) async fn pass_deadline(&mut self, service: &str, saga: Uuid) -> Done<()> {
        let due = "update ballet.deadline set due_at = ballet.now() where saga_id = $1";
        said(sqlx::query(due).bind(saga).execute(self.session(service)?).await)?;
        let begun = Instant::now();
        while self.deadlines(service).await?.contains(&saga) {
            if begun.elapsed() > LIMIT {
                return Err(format!("a deadline of {service} has passed, and is not told"));
            }
            tokio::time::sleep(LOOK).await;
        }
        let service = self.known(service)?;
        self.rest(&[service]).await
    }

    /// Returns the steps of these sagas in the ledger of a service.
    pub(super) async fn ledger(
        &mut self,
        service: &str,
        sagas: &[Uuid],
    ) -> Done<Vec<(Uuid, String)>> {
        let states = "select saga_id, string_agg(step || ' ' || entry, ',' order by step, entry, arrived) \
            from ballet.ledger where saga_id = any($1) group by saga_id";
        said(sqlx::query_as(states).bind(sagas).fetch_all(self.session(service)?).await)
    }

    /// Audits the framework's tables and the queues, as of a system whose sagas are all over.
    pub(super) async fn audit(&self) -> Report {
        let parts: Vec<Part> = self.services.iter().map(|service| service.part.clone()).collect();
        let databases = self.memory.databases.iter();
        let databases: Vec<_> =
            databases.map(|(name, at)| (name.clone(), at.url().to_owned())).collect();
        let system = System { name: "explored", parts };
        audit(&system, &databases, &self.broker_snapshot(), SignedDuration::ZERO).await
    }

    fn broker_snapshot(&self) -> BrokerSnapshot {
        let dead_letters = |service: &&'static str| {
            let queue = topology::dead_queue(service);
            let named = self.waiting(&queue).into_iter().zip(self.memory.broker.ready(&queue));
            let snapshot = |((event_type, saga), message): ((String, Option<Uuid>), Publish)| {
                let reason =
                    text_header(&message.properties, DEAD_DETAIL).unwrap_or_default().to_owned();
                DeadLetterSnapshot { service: (*service).to_owned(), saga, event_type, reason }
            };
            named.map(snapshot).collect::<Vec<_>>()
        };
        BrokerSnapshot {
            queues: self.memory.broker.depths(),
            dead_letters: self.names().iter().flat_map(dead_letters).collect(),
            ..BrokerSnapshot::default()
        }
    }
}

async fn until(what: &str, mut is: impl AsyncFnMut() -> Done<bool>) -> Done<()> {
    let begun = Instant::now();
    while !is().await? {
        if begun.elapsed() > LIMIT {
            return Err(format!("this takes too long: {what}"));
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(())
}

pub(super) fn said<T, E: fmt::Display>(done: Result<T, E>) -> Done<T> {
    done.map_err(|error| error.to_string())
}
