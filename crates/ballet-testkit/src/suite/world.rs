//! One run: a broker in memory, the service in this process, and one or several sagas.

use std::sync::Arc;
use std::time::Duration;

use ballet::core::topology::EVENTS;
use ballet::{Running, SagaId};
use ballet_amqp::{BasicProperties, Publish};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::Outside;
use super::bench::{Bench, SESSIONS};
use super::case::{Events, Told};
use super::look::id;
use super::wire::Wire;
use super::wrong::{Checked, Wrong};
use crate::memory::MemoryBroker;
use crate::wait_until;

const SOON: Duration = Duration::from_secs(60);

/// What was published once.
#[derive(Debug, Clone)]
pub(super) struct Sent(Publish);

/// One run.
pub(super) struct World<'a> {
    pub(super) bench: &'a Bench<'a>,
    pub(super) broker: MemoryBroker,
    pub(super) outside: Outside,
    pub(super) running: Vec<Running>,
    /// The most messages in a transaction, and the most that wait in the service, if they are set.
    pub(super) limits: Option<(u16, u16)>,
    wires: Vec<Wire>,
    pub(super) sagas: Vec<SagaId>,
    pub(super) db: PgConnection,
}

impl<'a> World<'a> {
    /// Empty tables, the service started, and so many sagas at the point where the step may come;
    /// or, on request, may be refused.
    pub(super) async fn open(bench: &'a Bench<'_>, sagas: usize, refused: bool) -> Checked<Self> {
        let mut world = Self::empty(bench, sagas).await?;
        world.begin(|_| refused).await?;
        Ok(world)
    }

    /// Empty tables, and so many sagas of which nothing is there yet.
    pub(super) async fn empty(bench: &'a Bench<'_>, sagas: usize) -> Checked<Self> {
        let mut world = Self {
            bench,
            broker: MemoryBroker::with_definitions(&bench.definitions),
            outside: Outside::default(),
            running: Vec::new(),
            limits: None,
            wires: Vec::new(),
            sagas: (0..sagas).map(|_| bench.new_saga()).collect(),
            db: bench.connect().await?,
        };
        world.sessions_end().await?;
        world.empty_tables().await?;
        Ok(world)
    }

    /// Starts the service, and brings each saga to the point where the step may come, or may be
    /// refused.
    pub(super) async fn begin(&mut self, refused: impl Fn(usize) -> bool) -> Checked {
        let bench = self.bench;
        self.execute(bench.suite.reference.to_owned()).await?;
        for at in 0..self.sagas.len() {
            self.execute((bench.case.rows)(self.sagas[at])).await?;
        }
        self.start().await?;
        for at in 0..self.sagas.len() {
            let after = bench.case.refused_after.as_ref().filter(|_| refused(at));
            self.tell(at, after.unwrap_or(&bench.case.after));
        }
        self.quiet().await
    }

    /// Empties all tables but those that say how the tables were made.
    async fn empty_tables(&mut self) -> Checked {
        let statement: Option<(String,)> = sqlx::query_as(
            // The tables are many and nearly empty: to truncate them takes longer.
            "select string_agg(format('delete from %I.%I', n.nspname, c.relname), '; ') \
             from pg_class c join pg_namespace n on n.oid = c.relnamespace \
             where n.nspname in ('public', 'ballet') and c.relkind in ('r', 'p') \
             and not c.relispartition and c.relname not like '%\\_migrations'",
        )
        .fetch_optional(&mut self.db)
        .await?;
        match statement {
            Some((statement,)) => self.execute(statement).await,
            None => Ok(()),
        }
    }

    pub(super) async fn execute(&mut self, sql: String) -> Checked {
        self.db.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        Ok(())
    }

    /// Starts the service, or one more replica of it.
    pub(super) async fn start(&mut self) -> Checked {
        let wire = Wire::to(&self.broker);
        self.wires.push(wire.clone());
        self.running.push(self.bench.start(&self.outside, Arc::new(wire), self.limits).await?);
        Ok(())
    }

    /// Starts one more replica; returns when it consumes.
    pub(super) async fn start_replica(&mut self) -> Checked {
        let consumers = |name: &String| name.contains(" consume ");
        let before = self.broker.connections().iter().filter(|name| consumers(name)).count();
        self.start().await?;
        let more = || self.broker.connections().iter().filter(|name| consumers(name)).count();
        self.until("the other replica", || more() > before).await
    }

    /// Ends all replicas as `kill -9` would; returns when nothing of them is left.
    pub(super) async fn crash(&mut self) -> Checked {
        self.wires.drain(..).for_each(|wire| wire.cut());
        self.running.clear();
        self.sessions_end().await?;
        self.outside.hold(None);
        Ok(())
    }

    async fn sessions_end(&mut self) -> Checked {
        // What a session does still goes on for a moment when its client is gone.
        let end = "select count(*) from pg_stat_activity where datname = current_database() \
                   and application_name <> $1 and backend_type = 'client backend'";
        self.becomes("the sessions of a service that is gone to end", end, 0).await
    }

    /// Waits until a count in the database is as given.
    async fn becomes(&mut self, what: &str, count: &'static str, expected: i64) -> Checked {
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

    /// Tells events of the saga at this place, each under a new id.
    pub(super) fn tell(&self, saga: usize, events: &Events) -> Vec<Sent> {
        let saga = self.sagas[saga];
        events(saga).iter().map(|told| self.tell_one(saga, told)).collect()
    }

    pub(super) fn tell_one(&self, saga: SagaId, told: &Told) -> Sent {
        let properties = BasicProperties::default()
            .with_message_id(self.bench.new_id().into())
            .with_type(told.event_type.into())
            .with_correlation_id(saga.to_string().into())
            .with_app_id(told.publisher.into())
            // The service's own events have none: that tells them apart.
            .with_reply_to(SESSIONS.into())
            .with_content_type("application/json".into())
            .with_delivery_mode(2);
        let sent = Sent(Publish {
            exchange: EVENTS.to_owned(),
            routing_key: told.event_type.to_owned(),
            mandatory: true,
            properties,
            body: told.body.clone().into_bytes().into(),
        });
        self.again(std::slice::from_ref(&sent));
        sent
    }

    /// Publishes the very same messages once more.
    pub(super) fn again(&self, sent: &[Sent]) {
        for Sent(message) in sent {
            self.broker.put(message);
        }
    }

    /// Keeps transactions from committing messages: what comes meanwhile gathers in the lanes.
    pub(super) async fn hold_lanes(&self) -> Checked<Held> {
        let mut db = self.bench.connect().await?;
        sqlx::raw_sql("begin; lock table ballet.inbox in share mode").execute(&mut db).await?;
        Ok(Held(db))
    }

    /// Waits until every message is with the service.
    pub(super) async fn all_delivered(&self) -> Checked {
        self.until("all messages to be delivered", || self.waiting() == 0).await
    }

    /// Waits for something that can be seen without the database.
    pub(super) async fn until(&self, what: &str, is: impl Fn() -> bool) -> Checked {
        wait_until(what, SOON, || std::future::ready(Ok::<_, String>(is().then_some(())))).await?;
        Ok(())
    }

    /// Waits until nothing is acknowledged that was told, but all of it is committed.
    pub(super) async fn all_committed(&mut self, sent: &[Sent]) -> Checked {
        let ids: Vec<String> = sent.iter().filter_map(|Sent(one)| id(one)).collect();
        let db = tokio::sync::Mutex::new(&mut self.db);
        wait_until("the commit", SOON, || async {
            let mut db = db.lock().await;
            let statement = "select count(*) from ballet.inbox where message_id::text = any($1)";
            let (found,): (i64,) =
                sqlx::query_as(statement).bind(&ids).fetch_one(&mut **db).await?;
            Ok::<_, sqlx::Error>((usize::try_from(found) == Ok(ids.len())).then_some(()))
        })
        .await?;
        Ok(())
    }

    pub(super) fn queue(&self) -> &'static str {
        self.bench.suite.part.service
    }

    fn waiting(&self) -> usize {
        self.broker.ready(self.queue()).len()
    }

    /// Waits until all messages are acknowledged, whatever calls are out.
    pub(super) async fn all_acknowledged(&self) -> Checked {
        let is = || self.waiting() + self.broker.unacked(self.queue()) == 0;
        self.until("all messages to be acknowledged", is).await
    }

    /// Waits until nothing is in hand: no message, no call, nothing to be published.
    pub(super) async fn quiet(&mut self) -> Checked {
        let (queue, broker) = (self.queue(), self.broker.clone());
        let db = tokio::sync::Mutex::new(&mut self.db);
        wait_until("the service to be done with everything", SOON, || async {
            let taken = broker.taken().len();
            let (ready, unacked) = (broker.ready(queue).len(), broker.unacked(queue));
            let mut db = db.lock().await;
            let (calls, outbox): (i64, i64) =
                sqlx::query_as(AssertSqlSafe(in_hand())).fetch_one(&mut **db).await?;
            // What was published between the two looks may not be seen by either.
            if ready + unacked == 0 && calls + outbox == 0 && broker.taken().len() == taken {
                return Ok(Some(()));
            }
            Err(Wrong(format!(
                "{ready} messages wait, {unacked} are unacknowledged, {calls} calls are open, \
                 {outbox} batches are unpublished"
            )))
        })
        .await?;
        Ok(())
    }

    /// Takes calls from the process that makes them, as if it were gone.
    pub(super) async fn orphan_calls(&mut self) -> Checked {
        self.execute("update ballet.call set owner = 0 where closed_at is null".to_owned()).await
    }
}

/// Lanes that are kept from committing.
pub(super) struct Held(PgConnection);

impl Held {
    pub(super) async fn let_go(self) -> Checked {
        Ok(self.0.close().await?)
    }
}

/// Open calls and unpublished batches.
fn in_hand() -> String {
    let unpublished: Vec<String> = (0..4)
        .map(|table| {
            format!(
                "select from ballet.outbox_{table} group by owner, batch having min(position) >= 0"
            )
        })
        .collect();
    format!(
        "select (select count(*) from ballet.call where closed_at is null), \
         (select count(*) from ({}) as batch)",
        unpublished.join(" union all ")
    )
}
