//! A service on a real database and the broker in memory, which can be brought to rest, and to a crash.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use ballet::core::{System, topology};
use ballet::{Clock, Event, Handle, Migration, Participant, Running, SagaId, Service, Settings};
use ballet_amqp::Publish;
use ballet_stage::{Database, Postgres, wait_until};
use ballet_testkit::memory::{MemoryBroker, properties};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use uuid::Uuid;

use crate::broker::LossyBroker;
use crate::facts::{LedgerFact, SagaFacts};
use crate::outside::{ProviderRequest, SaleProvider, account_of};

pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) struct ExploreStage {
    // Before the databases, so that the services stop before their database is dropped.
    services: Vec<Running>,
    participant: Participant,
    tables: &'static [Migration],
    pub(crate) broker: LossyBroker,
    pub(crate) db: PgPool,
    pub(crate) outside: SaleProvider,
    context: Clock,
    url: String,
    _databases: Arc<Databases>,
}

pub(crate) type Databases = BTreeMap<String, Database>;

pub(crate) async fn databases(test: &str, stages: &[&str]) -> Arc<Databases> {
    let postgres = Postgres::shared().await.expect("a Postgres");
    Arc::new(Database::prepared(postgres, test, stages).await.expect("databases"))
}

/// The point on the way out of a commit where the service dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeathPoint {
    /// Committed; nothing published or acknowledged.
    BeforePublishing,
    /// Committed and published; nothing confirmed or acknowledged.
    BeforeConfirms,
}

impl ExploreStage {
    pub(crate) fn new(
        databases: &Arc<Databases>,
        name: &str,
        participant: Participant,
        tables: &'static [Migration],
        outside: SaleProvider,
    ) -> Self {
        let system = System { name: "sales", parts: vec![participant.part()] };
        let definitions = topology::definitions(&system, |_| String::new());
        let broker = LossyBroker::new(MemoryBroker::with_definitions(&definitions));
        let url = databases[name].url().to_owned();
        let db = PgPoolOptions::new().max_connections(2).connect_lazy(&url).expect("a URL");
        let (services, context) = (Vec::new(), Clock::system());
        let _databases = Arc::clone(databases);
        Self { services, participant, tables, broker, db, outside, context, url, _databases }
    }

    fn service(&self) -> &'static str {
        self.participant.service()
    }

    pub(crate) async fn start(&mut self, lanes: u16) {
        let mut settings = Settings::new("amqp://in.memory", &self.url);
        settings.lanes = lanes;
        settings.database_connections = Some(7 + u32::from(lanes));
        // A process without acknowledgements gets no further than this.
        settings.prefetch = Some(u16::MAX);
        // As many as may be held.
        settings.calls = u16::MAX;
        let service = Service::new(self.participant.clone())
            .migrations(self.tables)
            .broker(Arc::new(self.broker.clone()));
        self.services.push(service.start(settings).await.expect("started"));
    }

    pub(crate) fn handle(&self, at: usize) -> &Handle {
        self.services[at].handle()
    }

    pub(crate) fn new_id(&self) -> Uuid {
        self.context.new_id(self.context.now())
    }

    /// Publishes as the service that owns the event.
    pub(crate) fn put<E: Event>(&self, id: Uuid, saga: SagaId, event: &E) {
        let body = serde_json::to_vec(event).expect("JSON");
        self.put_raw::<E>(id, saga, body);
    }

    pub(crate) fn put_raw<E: Event>(&self, id: Uuid, saga: SagaId, body: Vec<u8>) {
        let properties = properties(E::TYPE, &id.to_string(), Some(saga));
        self.broker.memory.put_event(E::TYPE, properties, body);
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn connect_through(&mut self, url: &str) {
        url.clone_into(&mut self.url);
    }

    pub(crate) async fn count(&self, sql: &'static str) -> i64 {
        self.try_count(sql).await.expect("a count")
    }

    async fn try_count(&self, sql: &'static str) -> Result<i64, sqlx::Error> {
        let (count,): (i64,) = sqlx::query_as(sql).fetch_one(&self.db).await?;
        Ok(count)
    }

    pub(crate) async fn until(&self, sql: &'static str, expected: i64) {
        wait_until(sql, LONG, || async {
            match self.try_count(sql).await {
                Ok(count) if count == expected => Ok(Some(())),
                Ok(count) => Err(format!("{count} of {expected}")),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
        .expect("the rows");
    }

    /// Waits until all messages are handled, and only held calls are open.
    pub(crate) async fn settle(&self) {
        wait_until("a rest", LONG, || async {
            if !self.broker.is_settled(self.service()) {
                // There are thousands: a busy machine that makes progress is not late.
                let (wait, handled) = self.broker.left(self.service());
                return Err(format!("{wait} messages wait, and {handled} are being handled"));
            }
            // A commit precedes its acknowledgement, so this sees its calls.
            let open: Vec<(Uuid, String, String, bool)> = sqlx::query_as(
                "select saga_id, step, key, undo from ballet.call where closed_at is null",
            )
            .fetch_all(&self.db)
            .await
            .map_err(|error| error.to_string())?;
            let expected = open.iter().filter(|(saga, step, key, undo)| {
                let ask = match (step.as_str(), undo) {
                    ("second", false) => ProviderRequest::Capture,
                    ("second", true) => ProviderRequest::Refund,
                    (_, false) => ProviderRequest::Authorize,
                    (_, true) => ProviderRequest::Void,
                };
                self.outside.holds(account_of(*saga, key), ask)
            });
            let more = open.len() - expected.count();
            if more == 0 { Ok(Some(())) } else { Err(format!("{more} calls are open")) }
        })
        .await
        .expect("a rest");
    }

    /// Waits until all that was committed is published and marked.
    pub(crate) async fn publish_all(&self) {
        wait_until("an empty outbox", LONG, || async {
            let unmarked = "select count(*) from (select from ballet.outbox() \
                            group by owner, batch having min(position) > -1) as batch";
            let counted = sqlx::query_as(unmarked).fetch_one(&self.db).await;
            let (left,): (i64,) = counted.map_err(|error| error.to_string())?;
            if left == 0 { Ok(Some(())) } else { Err(format!("{left} batches")) }
        })
        .await
        .expect("an empty outbox");
    }

    /// Brings back what a restored database put off, because the broker in memory does not.
    pub(crate) async fn end_hold_and_bring_back(&self) {
        // Earlier than any process's clock can lag behind.
        let end = "update ballet.restored set hold_until = ballet.now() - interval '1 hour'";
        sqlx::query(end).execute(&self.db).await.expect("an answer");
        for copy in self.broker.memory.taken() {
            if copy.exchange.starts_with("retry.") {
                let exchange = topology::ROUTE.to_owned();
                self.broker.memory.put(&Publish { exchange, ..copy });
            }
        }
        self.settle().await;
    }

    /// From here on the service commits, but nothing leaves it.
    pub(crate) fn doom(&self, dies: DeathPoint) {
        self.broker.lose_acks(true);
        match dies {
            DeathPoint::BeforePublishing => self.broker.memory.block(true),
            DeathPoint::BeforeConfirms => self.broker.memory.hold_confirms(),
        }
    }

    /// Crashes the service. Another process takes its place.
    pub(crate) async fn crash(&mut self) {
        self.kill();
        self.revive().await;
    }

    pub(crate) fn kill(&mut self) {
        self.services.clear();
        self.broker.kill();
    }

    pub(crate) async fn revive(&mut self) {
        self.broker = LossyBroker::new(self.broker.memory.clone());
        self.broker.memory.block(false);
        self.broker.memory.release_confirms();
        self.start(1).await;
        self.settle().await;
    }

    pub(crate) async fn lose_one(&mut self) {
        wait_until("some work done", LONG, || async {
            let done =
                sqlx::query_as("select count(*) from ballet.inbox").fetch_one(&self.db).await;
            let (done,): (i64,) = done.map_err(|error| error.to_string())?;
            Ok::<_, String>((done > 500).then_some(()))
        })
        .await
        .expect("some work done");
        self.services.pop();
    }

    pub(crate) async fn facts(&self) -> HashMap<Uuid, SagaFacts> {
        let mut facts: HashMap<Uuid, SagaFacts> = HashMap::new();
        let rows: Vec<(Uuid, String, String, String, String, i32)> = sqlx::query_as(
            "select saga_id, step, key, entry, arrived, ordinal from ballet.ledger \
             order by saga_id, ordinal",
        )
        .fetch_all(&self.db)
        .await
        .expect("the ledger");
        for (saga, step, key, entry, arrived, ordinal) in rows {
            let row = LedgerFact { step, key, entry, arrived, ordinal };
            facts.entry(saga).or_default().ledger.push(row);
        }
        let rows: Vec<(Uuid, String, bool, bool)> =
            sqlx::query_as("select saga_id, step, undo, closed_at is not null from ballet.call")
                .fetch_all(&self.db)
                .await
                .expect("the calls");
        for (saga, step, undo, closed) in rows {
            facts.entry(saga).or_default().calls.push((step, undo, closed));
        }
        for message in self.broker.memory.taken() {
            let properties = &message.properties;
            let text = |value: &Option<_>| value.as_ref().map(ToString::to_string);
            let saga = text(properties.correlation_id()).and_then(|id| id.parse().ok());
            let id = text(properties.message_id()).unwrap_or_default();
            let told = &mut facts.entry(saga.unwrap_or_default()).or_default().told;
            let name = if message.exchange == topology::EVENTS {
                message.routing_key
            } else {
                // A dead letter, or a retry.
                format!("{}: {}", message.exchange, message.routing_key)
            };
            told.entry(name).or_default().insert(id);
        }
        facts
    }
}

/// The outbox table of a process that is gone, which `statement` writes as `ballet.outbox_left`.
pub(crate) fn left_by_a_gone_process(statement: &str) -> String {
    format!(
        "do $do$ begin execute replace($left${statement}$left$, 'outbox_left', \
             'outbox_' || ballet.take_outbox(99999)); end $do$"
    )
}
