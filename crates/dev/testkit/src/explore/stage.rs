//! The services of a system in this process, which do one thing at a time and come to rest after it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ballet::core::{CopyPart, Part, Role, System, topology};
use ballet::{Running, Service, Settings};
use ballet_amqp::Publish;
use ballet_amqp::headers::{DEAD_DETAIL, text_header};
use ballet_ops::audit::{BrokerSnapshot, DeadLetterSnapshot, Report, audit};
use ballet_stage::Postgres;
use futures_util::future::try_join_all;
use jiff::SignedDuration;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::explore::action::MessageName;
use crate::explore::time::{StageTime, stand_still};
use crate::memory::MemorySystem;
use crate::memory::wire::Wire;

const REPLICAS: usize = 2;
/// While a session holds lock 58, transactions that have taken a message in wait at their commit; those with the answer
/// of a call, while one holds lock 59; and those that publish, while one holds lock 60. A process takes an outbox table
/// when it needs it. And a function that returns all rows of the service's own tables.
const GATES: &str = "create function public.explore_gate() returns trigger language plpgsql as \
    $$ begin perform pg_advisory_xact_lock_shared(tg_argv[0]::bigint); return null; end $$; \
    create constraint trigger explore_gate after insert on ballet.inbox deferrable initially deferred \
    for each row execute function public.explore_gate('58'); \
    create constraint trigger explore_gate after insert on ballet.inbox_other deferrable initially deferred \
    for each row execute function public.explore_gate('58'); \
    create constraint trigger explore_gate after update on ballet.call deferrable initially deferred \
    for each row when (old.closed_at is null and new.closed_at is not null) \
    execute function public.explore_gate('59'); \
    create function public.explore_outbox() returns trigger language plpgsql as $$ \
    declare taken text := format('ballet.outbox_%s', new.table_number); begin \
        if not exists (select from pg_trigger where tgrelid = taken::regclass and tgname = 'explore_gate') then \
            execute format('create constraint trigger explore_gate after insert on %s deferrable initially deferred \
            for each row when (new.position >= 0) execute function public.explore_gate(''60'')', taken); \
        end if; return null; end $$; \
    create trigger explore_outbox after insert or update on ballet.outbox_table \
    for each row execute function public.explore_outbox(); \
    create function public.explore_rows() returns setof text language plpgsql as $$ declare name text; begin \
        for name in select relname from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') \
            and not relispartition and relname <> 'explore_clock' \
        loop return query execute format('select %L || '' '' || to_jsonb(own) from %I as own', name, name); end loop; end $$";

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
pub(super) struct Replica {
    // Dropping it is a crash.
    pub(super) running: Running,
    wire: Wire,
}

/// Running services, two replicas of each.
#[derive(Debug)]
pub struct Stage {
    // Before the databases, which are dropped last.
    pub(super) replicas: BTreeMap<&'static str, Vec<Replica>>,
    /// Two sessions with each database: one to look, one to hold the gate.
    pub(super) sessions: BTreeMap<&'static str, (PgConnection, PgConnection)>,
    services: Vec<ExploredService>,
    begins: HashSet<&'static str>,
    /// The services with steps that are answered later.
    pub(super) calling: BTreeSet<&'static str>,
    pub(super) time: StageTime,
    urls: Urls,
    /// The broker and the databases.
    pub memory: MemorySystem,
}

impl Stage {
    pub(super) async fn open(test: &str, services: Vec<ExploredService>) -> Done<Self> {
        let postgres = Postgres::shared().await.map_err(ToString::to_string)?;
        let parts: Vec<Part> = services.iter().map(|service| service.part.clone()).collect();
        let calls = |part: &&Part| {
            let mut steps = part.sagas.iter().flat_map(|saga| &saga.steps);
            steps.any(|step| step.runs.is_answered_later())
        };
        let calling = parts.iter().filter(calls).map(|part| part.service).collect();
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
            calling,
            time: StageTime::new(),
            urls: Urls::default(),
            memory,
        };
        for service in stage.names() {
            let url = stage.memory.url(service).to_owned();
            let mut gate = said(PgConnection::connect(&url).await)?;
            said(gate.execute(GATES).await)?;
            stand_still(&mut gate).await?;
            stage.sessions.insert(service, (said(PgConnection::connect(&url).await)?, gate));
        }
        stage.go_on().await?;
        for service in stage.names() {
            stage.start(service).await?;
        }
        for (service, entity) in asked_for(&stage.services) {
            stage.until_filled(service, entity).await?;
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
        let mut starting = Vec::new();
        for _ in replicas.len()..REPLICAS {
            let mut settings = self.memory.settings(service);
            settings.database_connections = Some(8);
            // So few that each acknowledgement is sent at once.
            settings.prefetch = Some(3);
            let wire = Wire::to(&self.memory.broker);
            let made = (explored.make)(&settings)?.clock(self.time.clock());
            let made = made.broker(Arc::new(wire.clone()));
            starting.push(async move {
                let running = said(made.start(settings).await)?;
                Done::Ok(Replica { running, wire })
            });
        }
        replicas.extend(try_join_all(starting).await?);
        if let Some(first) = replicas.first() {
            let url = format!("http://{}", first.running.address());
            let mut urls = self.urls.lock().unwrap_or_else(PoisonError::into_inner);
            urls.insert(service.to_owned(), url);
        }
        self.until(&format!("{service} with its consumers"), async |stage| {
            Ok(stage.memory.broker.consumers(service) == REPLICAS)
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

    /// Returns the services with steps that are answered later, in the order of their declarations.
    pub(super) fn calling(&self) -> Vec<&'static str> {
        self.names().into_iter().filter(|service| self.calling.contains(service)).collect()
    }

    pub(super) fn known(&self, service: &str) -> Done<&'static str> {
        let found = self.names().into_iter().find(|name| *name == service);
        found.ok_or_else(|| format!("there is no {service}"))
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

/// Returns the copies that one of these services is asked for, with the service that keeps each.
fn asked_for(services: &[ExploredService]) -> Vec<(&'static str, &'static str)> {
    let is_asked = |copy: &&CopyPart| {
        copy.request.is_some() && services.iter().any(|one| one.part.service == copy.owner)
    };
    let copies = services.iter().flat_map(|one| {
        one.part.copies.iter().filter(is_asked).map(|copy| (one.part.service, copy.entity))
    });
    copies.collect()
}

pub(super) fn said<T, E: fmt::Display>(done: Result<T, E>) -> Done<T> {
    done.map_err(|error| error.to_string())
}
