//! One participant on its own servers, its messages, and the required end of each saga.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::{Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant};

use ballet::Clock;
use ballet::core::topology::EVENTS;
use ballet::core::{EventType, System, topology};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::sync::Mutex;
use uuid::Uuid;

use crate::participant::contract::{Contract, Types};
use crate::participant::program::Program;
use crate::participant::rig::message::{pack, properties};
use crate::participant::rig::processes::ProgramProcesses;
use crate::participant::rig::record::{MessageRecord, PublishedMessage};
use crate::participant::rig::verdict::{SagaEnd, check_events};
use ballet_stage::{Proxy, QueueDepth, Servers, TestEnv};

pub(crate) type ScenarioFailure = String;
pub(crate) type ScenarioResult<T> = Result<T, ScenarioFailure>;

/// Counts of a queue are up to a second old. One that was empty for this long is really empty.
const CALM: Duration = Duration::from_millis(2_500);
/// The limit for something that always happens unless the program hangs.
const SURELY: Duration = Duration::from_secs(60);

pub(crate) struct ScenarioWorld<'a> {
    pub(crate) contract: &'a Contract,
    pub(crate) types: Types,
    pub(crate) env: TestEnv,
    /// The program's links to its servers. The suite uses others.
    pub(crate) amqp: Proxy,
    pub(crate) database: Proxy,
    processes: ProgramProcesses,
    patience: Duration,
    probe: Mutex<PgConnection>,
    record: MessageRecord,
    sent: BTreeMap<Uuid, Vec<Uuid>>,
    expected: Vec<(Uuid, SagaEnd)>,
}

impl<'a> ScenarioWorld<'a> {
    /// Starts with one running process.
    pub(crate) async fn new(
        servers: &Servers,
        program: &Program,
        contract: &'a Contract,
        patience: Duration,
    ) -> ScenarioResult<Self> {
        let service = contract.part.service;
        let system = System { name: "suite", parts: vec![contract.part.clone()] };
        let definitions = topology::definitions(&system, |_| String::new());
        let env =
            TestEnv::new(servers, service, &definitions, &[service]).await.map_err(to_failure)?;
        let own = format!("{service}.#");
        let record =
            MessageRecord::begin(&env, "record", &[(EVENTS, &own)]).await.map_err(to_failure)?;
        let probe =
            PgConnection::connect(env.admin_database_url(service)).await.map_err(to_failure)?;
        let mut world = Self {
            contract,
            types: contract.types()?,
            amqp: Proxy::to(env.amqp_url(service)).await.map_err(to_failure)?,
            database: Proxy::to(env.database_url(service)).await.map_err(to_failure)?,
            env,
            processes: ProgramProcesses::of(program.clone())?,
            patience,
            probe: Mutex::new(probe),
            record,
            sent: BTreeMap::new(),
            expected: Vec::new(),
        };
        world.start().await?;
        let reference = world.execute(&contract.reference).await;
        reference.map_err(|error| format!("the reference rows: {error}"))?;
        Ok(world)
    }

    fn service(&self) -> &'static str {
        self.contract.part.service
    }

    /// Waits until the process consumes.
    pub(crate) async fn start(&mut self) -> ScenarioResult<()> {
        let expected = self.processes.start(self.amqp.url(), self.database.url()).await?;
        self.until("the program to consume from its queue", || async {
            let consumers = self.depth().await?.consumers;
            if consumers >= expected { Ok(Some(())) } else { Err(format!("{consumers} do")) }
        })
        .await
    }

    pub(crate) async fn execute(&self, sql: &str) -> ScenarioResult<()> {
        let mut db = self.probe.lock().await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *db).await;
        done.map(drop).map_err(to_failure)
    }

    /// Waits until the process has handled a message. The broker's count of consumers may still include ended ones.
    pub(crate) async fn start_again(&mut self) -> ScenarioResult<()> {
        self.processes.start(self.amqp.url(), self.database.url()).await?;
        let saga = self.saga(SagaEnd::Done);
        self.trigger(saga).await?;
        self.is_done(saga).await
    }

    pub(crate) async fn kill(&self) {
        self.processes.kill().await;
    }

    pub(crate) async fn stop(&self) -> ScenarioResult<()> {
        self.processes.stop(SURELY).await
    }

    async fn depth(&self) -> ScenarioResult<QueueDepth> {
        self.env.management().depth(self.service()).await.map_err(to_failure)
    }

    /// A process that ends by itself ends the wait.
    pub(crate) async fn until<T, F>(
        &self,
        what: &str,
        probe: impl FnMut() -> F,
    ) -> ScenarioResult<T>
    where
        F: Future<Output = ScenarioResult<Option<T>>>,
    {
        self.processes.wait(SURELY, what, probe).await
    }

    /// Waits as long as for the end of a saga, because a faulty program may never meet the condition.
    pub(crate) async fn patiently<T, F>(
        &self,
        what: &str,
        probe: impl FnMut() -> F,
    ) -> ScenarioResult<T>
    where
        F: Future<Output = ScenarioResult<Option<T>>>,
    {
        self.processes.wait(self.patience, what, probe).await
    }

    pub(crate) fn saga(&mut self, end: SagaEnd) -> Uuid {
        let saga = Self::new_id();
        self.expects(saga, end);
        saga
    }

    pub(crate) fn expects(&mut self, saga: Uuid, end: SagaEnd) {
        self.expected.push((saga, end));
    }

    pub(crate) fn new_id() -> Uuid {
        let clock = Clock::system();
        clock.new_id(clock.now())
    }

    /// Returns the ids of the messages.
    pub(crate) async fn trigger(&mut self, saga: Uuid) -> ScenarioResult<Vec<Uuid>> {
        let ids: Vec<Uuid> = self.types.triggers.iter().map(|_| Self::new_id()).collect();
        self.trigger_as(saga, &ids).await.map(|()| ids)
    }

    pub(crate) async fn trigger_as(&mut self, saga: Uuid, ids: &[Uuid]) -> ScenarioResult<()> {
        for (event, id) in self.types.triggers.clone().into_iter().zip(ids) {
            let body = self.contract.body(event, saga);
            self.send(event, saga, *id, &body).await?;
        }
        Ok(())
    }

    pub(crate) async fn trigger_refused(
        &mut self,
        saga: Uuid,
        ids: Option<&[Uuid]>,
    ) -> ScenarioResult<Vec<Uuid>> {
        let events = self.types.triggers.clone();
        let ids =
            ids.map_or_else(|| events.iter().map(|_| Self::new_id()).collect(), <[_]>::to_vec);
        let last = events.len() - 1;
        for (at, (event, id)) in events.into_iter().zip(&ids).enumerate() {
            let refused = self.contract.refused_by(saga).filter(|_| at == last);
            let body = refused.unwrap_or_else(|| self.contract.body(event, saga));
            self.send(event, saga, *id, &body).await?;
        }
        Ok(ids)
    }

    /// Returns the trigger; the first one for a join.
    pub(crate) fn trigger_type(&self) -> EventType {
        self.types.triggers[0]
    }

    pub(crate) async fn send_event(&mut self, event: EventType, saga: Uuid) -> ScenarioResult<()> {
        let body = self.contract.body(event, saga);
        self.send(event, saga, Self::new_id(), &body).await
    }

    /// Returns the id of the message.
    pub(crate) async fn abort(&mut self, saga: Uuid) -> ScenarioResult<Uuid> {
        let id = Self::new_id();
        self.abort_as(saga, id).await.map(|()| id)
    }

    pub(crate) async fn abort_as(&mut self, saga: Uuid, id: Uuid) -> ScenarioResult<()> {
        let abort = self.types.abort;
        let body = self.contract.body(abort, saga);
        self.send(abort, saga, id, &body).await
    }

    /// Publishes as the service that the event's name begins with.
    pub(crate) async fn send(
        &mut self,
        event: EventType,
        saga: Uuid,
        id: Uuid,
        body: &Value,
    ) -> ScenarioResult<()> {
        self.sent.entry(saga).or_default().push(id);
        self.surely_publish(event, &properties(event, saga, id), &body.to_string()).await
    }

    /// Publishes a pack. Each member has its saga, its id and its body.
    pub(crate) async fn send_pack(
        &mut self,
        event: EventType,
        members: &[(Uuid, Uuid, Value)],
    ) -> ScenarioResult<()> {
        for (saga, id, _) in members {
            self.sent.entry(*saga).or_default().push(*id);
        }
        let (properties, body) = pack(event, members);
        self.surely_publish(event, &properties, &body).await
    }

    /// A copy after a lost answer does no harm.
    async fn surely_publish(
        &self,
        event: EventType,
        properties: &Value,
        body: &str,
    ) -> ScenarioResult<()> {
        self.until("the broker to take a message", || async {
            self.publish("events", event.name(), properties, body).await.map(Some)
        })
        .await
    }

    pub(crate) async fn publish(
        &self,
        exchange: &str,
        routing_key: &str,
        properties: &Value,
        body: impl AsRef<[u8]>,
    ) -> ScenarioResult<()> {
        let routed = self.env.management().publish(exchange, routing_key, properties, body).await;
        if routed.map_err(to_failure)? { Ok(()) } else { Err(format!("nobody gets {routing_key}")) }
    }

    pub(crate) async fn effect(&self, saga: Uuid) -> ScenarioResult<i64> {
        let mut db = self.probe.lock().await;
        let query = sqlx::query_scalar(AssertSqlSafe(self.contract.effect.clone()));
        let found: Result<Option<Option<i64>>, _> = query.bind(saga).fetch_optional(&mut *db).await;
        Ok(found.map_err(to_failure)?.flatten().unwrap_or_default())
    }

    pub(crate) async fn seen(&self) -> ScenarioResult<Vec<PublishedMessage>> {
        self.record.read(&self.env).await.map_err(to_failure)
    }

    /// Asks a busy broker again.
    pub(crate) async fn surely_seen(&self) -> ScenarioResult<Vec<PublishedMessage>> {
        self.until("the events so far", || async { self.seen().await.map(Some) }).await
    }

    pub(crate) async fn becomes(&self, saga: Uuid, end: SagaEnd) -> ScenarioResult<()> {
        self.patiently(&format!("a saga to be {end:?}"), || async {
            self.is(saga, end, &self.seen().await?).await.map(Some)
        })
        .await
    }

    pub(crate) async fn is_done(&self, saga: Uuid) -> ScenarioResult<()> {
        self.becomes(saga, SagaEnd::Done).await
    }

    async fn is(&self, saga: Uuid, end: SagaEnd, seen: &[PublishedMessage]) -> ScenarioResult<()> {
        end.check(self.contract, &self.types, saga, self.effect(saga).await?, seen)
    }

    /// Waits until no message is in the program's queue or unacknowledged.
    pub(crate) async fn is_quiet(&self) -> ScenarioResult<()> {
        self.queue_has("the program's queue to be empty", |_| false).await
    }

    /// Waits until the program holds a message, or has acknowledged it.
    pub(crate) async fn is_delivered(&self) -> ScenarioResult<()> {
        self.queue_has("the program to get a message", |depth| depth.unacked > 0).await
    }

    /// Waits for this depth; for 0, until it is certain.
    async fn queue_has(
        &self,
        what: &str,
        wanted: impl Fn(QueueDepth) -> bool,
    ) -> ScenarioResult<()> {
        let since = SyncMutex::new(None::<Instant>);
        self.until(what, || async {
            let depth = self.depth().await?;
            let mut since = since.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted(depth) {
                return Ok(Some(()));
            }
            if depth.ready + depth.unacked > 0 {
                *since = None;
                return Err(format!("{depth:?}"));
            }
            let begun = *since.get_or_insert_with(Instant::now);
            Ok((begun.elapsed() >= CALM).then_some(()))
        })
        .await
    }

    pub(crate) async fn dead_letters(&self) -> ScenarioResult<Vec<Value>> {
        let queue = topology::dead_queue(self.service());
        self.env.management().peek(&queue, 100).await.map_err(to_failure)
    }

    pub(crate) async fn some_dead_letters(&self, count: usize) -> ScenarioResult<Vec<Value>> {
        self.patiently("the dead letters", || async {
            let letters = self.dead_letters().await?;
            let there = letters.len() >= count;
            if there { Ok(Some(letters)) } else { Err(format!("{} are there", letters.len())) }
        })
        .await
    }

    /// Waits until all sagas are at their ends, stops the program, and looks again when nothing more can come.
    pub(crate) async fn ends(self) -> ScenarioResult<()> {
        self.ends_with(0).await
    }

    pub(crate) async fn ends_with(self, dead: usize) -> ScenarioResult<()> {
        for (saga, end) in &self.expected {
            self.becomes(*saga, *end).await?;
        }
        self.is_quiet().await?;
        self.stop().await?;
        let seen = self.surely_seen().await?;
        for (saga, end) in &self.expected {
            self.is(*saga, *end, &seen).await?;
        }
        check_events(self.contract, &self.types, &seen, &self.sent)?;
        let letters =
            self.until("the dead letters", || async { self.dead_letters().await.map(Some) });
        let letters = letters.await?;
        if letters.len() != dead {
            return Err(format!(
                "there are {} dead letters, not {dead}: {letters:?}",
                letters.len()
            ));
        }
        self.env.close().await.map_err(to_failure)
    }
}

pub(crate) fn to_failure(error: impl Display) -> ScenarioFailure {
    error.to_string()
}
