//! One run of the service in this process: a broker in memory, empty tables, and some sagas.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::topology::EVENTS;
use ballet::{Running, SagaId};
use ballet_amqp::{BasicProperties, Publish};
use ballet_stage::wait_until;
use ballet_store::calls::claims::end_all_claims;
use ballet_store::calls::stored::count_open;
use ballet_store::inbox::messages;
use ballet_store::outbox::left_behind;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

use crate::memory::broker::MemoryBroker;
use crate::memory::wire::Wire;
use crate::suite::rig::case::{Events, PublishedEvent};
use crate::suite::rig::check_result::{CheckFailure, CheckResult};
use crate::suite::rig::outside::Outside;
use crate::suite::rig::step_rig::{Phase, SESSIONS, StepRig};

const SOON: Duration = Duration::from_secs(60);

#[derive(Debug, Clone)]
pub(crate) struct SentMessage(Publish);

pub(crate) struct ServiceWorld<'a> {
    pub(crate) rig: &'a StepRig<'a>,
    pub(crate) broker: MemoryBroker,
    pub(crate) outside: Outside,
    pub(crate) running: Vec<Running>,
    /// The maximum batch and the prefetch, if not the defaults.
    pub(crate) limits: Option<(u16, u16)>,
    wires: Vec<Wire>,
    pub(crate) sagas: Vec<SagaId>,
    pub(crate) db: PgConnection,
}

impl<'a> ServiceWorld<'a> {
    /// Brings the sagas to the step's trigger or, with `refused`, to its refusal.
    pub(crate) async fn open(
        rig: &'a StepRig<'_>,
        sagas: usize,
        refused: bool,
    ) -> CheckResult<Self> {
        let mut world = Self::empty(rig, sagas).await?;
        world.begin(|_| refused).await?;
        Ok(world)
    }

    /// Prepares one saga in which a phase may begin.
    pub(crate) async fn before(rig: &'a StepRig<'_>, phase: Phase) -> CheckResult<Self> {
        let mut world = Self::open(rig, 1, phase == Phase::Refusal).await?;
        if phase == Phase::Undo {
            world.publish(0, rig.done()?);
            world.until_idle().await?;
        }
        Ok(world)
    }

    pub(crate) async fn empty(rig: &'a StepRig<'_>, sagas: usize) -> CheckResult<Self> {
        let mut world = Self {
            rig,
            broker: MemoryBroker::with_definitions(&rig.definitions),
            outside: Outside::default(),
            running: Vec::new(),
            limits: None,
            wires: Vec::new(),
            sagas: (0..sagas).map(|_| rig.new_saga()).collect(),
            db: rig.connect().await?,
        };
        world.sessions_end().await?;
        world.empty_tables().await?;
        Ok(world)
    }

    /// Brings each saga to the step's trigger, or to its refusal.
    pub(crate) async fn begin(&mut self, refused: impl Fn(usize) -> bool) -> CheckResult {
        let rig = self.rig;
        self.execute(rig.subject.reference.to_owned()).await?;
        for at in 0..self.sagas.len() {
            if let Some(rows) = &rig.case.rows {
                self.execute(rows(self.sagas[at])).await?;
            }
        }
        self.start().await?;
        for at in 0..self.sagas.len() {
            let after = rig.case.refused_after.as_ref().filter(|_| refused(at));
            if let Some(events) = after.or(rig.case.after.as_ref()) {
                self.publish(at, events);
            }
        }
        self.until_idle().await
    }

    /// Keeps the tables of the migrations and the list of outbox tables.
    async fn empty_tables(&mut self) -> CheckResult {
        let statement: Option<(String,)> = sqlx::query_as(
            // Truncating many small tables would take longer.
            "select string_agg(format('delete from %I.%I', n.nspname, c.relname), '; ') \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname in ('public', 'ballet') and c.relkind in ('r', 'p') \
             and not c.relispartition and c.relname not like '%\\_migrations' \
             and c.relname <> 'outbox_table'",
        )
        .fetch_optional(&mut self.db)
        .await?;
        match statement {
            Some((statement,)) => self.execute(statement).await,
            None => Ok(()),
        }
    }

    pub(crate) async fn execute(&mut self, sql: String) -> CheckResult {
        self.db.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        Ok(())
    }

    pub(crate) async fn start(&mut self) -> CheckResult {
        let wire = Wire::to(&self.broker);
        self.wires.push(wire.clone());
        self.running.push(self.rig.start(&self.outside, Arc::new(wire), self.limits).await?);
        Ok(())
    }

    /// Waits until it consumes.
    pub(crate) async fn start_replica(&mut self) -> CheckResult {
        let consumers = |name: &String| name.contains(" consume ");
        let before = self.broker.connections().iter().filter(|name| consumers(name)).count();
        self.start().await?;
        let more = || self.broker.connections().iter().filter(|name| consumers(name)).count();
        self.until("the other replica", || more() > before).await
    }

    /// Ends as `kill -9` would. Waits until nothing of them is left.
    pub(crate) async fn crash(&mut self) -> CheckResult {
        self.wires.drain(..).for_each(|wire| wire.cut());
        self.running.clear();
        self.sessions_end().await?;
        self.outside.hold(None);
        Ok(())
    }

    async fn sessions_end(&mut self) -> CheckResult {
        // A server process continues its statement for a moment after its client is gone.
        let end = "select count(*) from pg_stat_activity where datname = current_database() \
                   and application_name <> $1 and backend_type = 'client backend'";
        self.becomes("the sessions of a service that is gone to end", end, 0).await
    }

    async fn becomes(&mut self, what: &str, count: &'static str, expected: i64) -> CheckResult {
        let db = tokio::sync::Mutex::new(&mut self.db);
        wait_until(what, SOON, || async {
            let mut db = db.lock().await;
            let (found,): (i64,) =
                sqlx::query_as(count).bind(SESSIONS).fetch_one(&mut **db).await?;
            Ok::<_, sqlx::Error>((found == expected).then_some(()))
        })
        .await?;
        Ok(())
    }

    pub(crate) fn publish(&self, saga: usize, events: &Events) -> Vec<SentMessage> {
        let saga = self.sagas[saga];
        events(saga).iter().map(|event| self.publish_one(saga, event)).collect()
    }

    pub(crate) fn publish_one(&self, saga: SagaId, event: &PublishedEvent) -> SentMessage {
        let properties = BasicProperties::default()
            .with_message_id(self.rig.new_id().into())
            .with_type(event.event_type.into())
            .with_correlation_id(saga.to_string().into())
            .with_app_id(event.publisher.into())
            // Only the suite's events have a reply address.
            .with_reply_to(SESSIONS.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        let sent = SentMessage(Publish {
            exchange: EVENTS.to_owned(),
            routing_key: event.event_type.to_owned(),
            mandatory: true,
            properties,
            body: event.body.clone().into_bytes().into(),
        });
        self.publish_again(std::slice::from_ref(&sent));
        sent
    }

    pub(crate) fn publish_again(&self, sent: &[SentMessage]) {
        for SentMessage(message) in sent {
            self.broker.put(message);
        }
    }

    /// Holds the lanes, so that messages collect in them.
    pub(crate) async fn hold_lanes(&self) -> CheckResult<HeldLanes> {
        let mut db = self.rig.connect().await?;
        messages::hold(&mut db).await?;
        Ok(HeldLanes(db))
    }

    pub(crate) async fn until_delivered(&self) -> CheckResult {
        self.until("all messages to be delivered", || self.waiting() == 0).await
    }

    /// The condition needs no database.
    pub(crate) async fn until(&self, what: &str, is: impl Fn() -> bool) -> CheckResult {
        wait_until(what, SOON, || std::future::ready(Ok::<_, String>(is().then_some(())))).await?;
        Ok(())
    }

    /// Waits for commits, not for acknowledgements.
    pub(crate) async fn until_committed(&mut self, sent: &[SentMessage]) -> CheckResult {
        let ids = sent.iter().filter_map(|SentMessage(one)| message_id(one)?.parse().ok());
        let ids: Vec<Uuid> = ids.collect();
        let db = tokio::sync::Mutex::new(&mut self.db);
        wait_until("the commit", SOON, || async {
            let mut db = db.lock().await;
            let found = messages::handled(&mut db, &ids).await?;
            Ok::<_, sqlx::Error>((found.len() == ids.len()).then_some(()))
        })
        .await?;
        Ok(())
    }

    pub(crate) fn queue(&self) -> &'static str {
        self.rig.subject.part.service
    }

    fn waiting(&self) -> usize {
        self.broker.ready(self.queue()).len()
    }

    /// Waits for acknowledgements; calls may be open.
    pub(crate) async fn until_acknowledged(&self) -> CheckResult {
        let is = || self.waiting() + self.broker.unacked(self.queue()) == 0;
        self.until("all messages to be acknowledged", is).await
    }

    /// Waits until there is no message, no call and nothing to publish.
    pub(crate) async fn until_idle(&mut self) -> CheckResult {
        let (queue, broker) = (self.queue(), self.broker.clone());
        let db = tokio::sync::Mutex::new(&mut self.db);
        wait_until("the service to be idle", SOON, || async {
            let taken = broker.taken_count();
            let (ready, unacked) = (broker.ready(queue).len(), broker.unacked(queue));
            let mut db = db.lock().await;
            let calls = count_open(&mut **db).await?;
            let outbox = left_behind::batches(&mut db).await?;
            // A message published between the two queries might be missed by both.
            if ready + unacked == 0 && calls + outbox == 0 && broker.taken_count() == taken {
                return Ok(Some(()));
            }
            Err(CheckFailure(format!(
                "{ready} messages wait, {unacked} are unacknowledged, {calls} calls are open, \
                 {outbox} batches are unpublished"
            )))
        })
        .await?;
        Ok(())
    }

    /// Ends the claims, as if the process that makes the calls were gone.
    pub(crate) async fn orphan_calls(&mut self) -> CheckResult {
        Ok(end_all_claims(&mut self.db).await?)
    }
}

/// They cannot commit until this is released.
pub(crate) struct HeldLanes(PgConnection);

impl HeldLanes {
    pub(crate) async fn release(self) -> CheckResult {
        Ok(self.0.close().await?)
    }
}

pub(crate) fn message_id(message: &Publish) -> Option<String> {
    message.properties.message_id().as_ref().map(ToString::to_string)
}
