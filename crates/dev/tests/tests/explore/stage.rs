//! A service on a real database and the broker in memory, which can be brought to rest, and to a crash.

use std::collections::HashMap;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use ballet::core::topology;
use ballet::{Event, Migration, Participant, SagaId};
use ballet_amqp::Publish;
use ballet_stage::wait_until;
use ballet_testkit::memory::{MemoryService, properties};
use uuid::Uuid;

use crate::facts::{LedgerFact, SagaFacts};
use crate::outside::{ProviderRequest, RefusedRequest, SaleProvider, account_of};
use crate::sale::{PAY_TABLES, calling, local};

pub(crate) const LONG: Duration = Duration::from_secs(120);

pub(crate) struct ExploreStage {
    service: MemoryService,
    pub(crate) outside: SaleProvider,
    /// The way to the database for replicas that start from now on, if not the straight one.
    pub(crate) way: Option<String>,
}

impl Deref for ExploreStage {
    type Target = MemoryService;

    fn deref(&self) -> &MemoryService {
        &self.service
    }
}

impl DerefMut for ExploreStage {
    fn deref_mut(&mut self) -> &mut MemoryService {
        &mut self.service
    }
}

impl ExploreStage {
    pub(crate) async fn new(
        test: &str,
        participant: Participant,
        tables: &'static [Migration],
        outside: SaleProvider,
    ) -> Self {
        let service = MemoryService::new(test, participant, tables).await;
        Self { service, outside, way: None }
    }

    /// The payments of sales, whose first step is local or asks outside.
    pub(crate) async fn payments(test: &str, is_local: bool) -> Self {
        let outside = SaleProvider::new();
        let participant = if is_local { local(&outside) } else { calling(&outside) };
        Self::new(test, participant, PAY_TABLES, outside).await
    }

    /// A sale for which the provider is prepared.
    pub(crate) fn new_sale(&self, held: &[ProviderRequest], is_authorized: bool) -> SagaId {
        let saga = self.new_saga();
        self.outside.open_account(saga.0, RefusedRequest::Never, held, is_authorized);
        saga
    }

    pub(crate) async fn start(&mut self, lanes: u16) {
        let way = self.way.clone();
        let set = |settings: &mut ballet::Settings| {
            settings.lanes = lanes;
            settings.database_connections = Some(7 + u32::from(lanes));
            // A process that loses its acknowledgements gets no further than this.
            settings.prefetch = Some(u16::MAX);
            // As many as may be held at a time.
            settings.calls = u16::MAX;
            settings.database_url = way.or(settings.database_url.take());
        };
        self.service.start_with(set).await;
    }

    pub(crate) fn put_raw<E: Event>(&self, id: Uuid, saga: SagaId, body: Vec<u8>) {
        self.broker.put_event(E::TYPE, properties(E::TYPE, &id.to_string(), Some(saga)), body);
    }

    /// Runs all sagas side by side: the first thing of each, the second, and so on.
    pub(crate) async fn play<R, T: Copy>(
        &self,
        runs: &[R],
        order: impl Fn(&R) -> &[T],
        act: impl Fn(&R, T),
        is_rest_between: bool,
    ) {
        let longest = runs.iter().map(|run| order(run).len()).max().unwrap_or_default();
        for at in 0..longest {
            runs.iter()
                .for_each(|run| order(run).get(at).iter().for_each(|thing| act(run, **thing)));
            self.outside.tell();
            if is_rest_between {
                self.settle().await;
            }
        }
    }

    /// Waits until all messages are handled, and only held calls are open.
    pub(crate) async fn settle(&self) {
        wait_until("a rest", LONG, || async {
            let unsettled = self.broker.unsettled(self.name());
            if unsettled > 0 {
                // Thousands of them: a busy machine that goes on with them is not late.
                return Err(format!("{unsettled} messages wait, or are being handled"));
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
        self.until_published().await;
        assert_eq!(self.broker.wrong_acks(), 0, "no tag is acknowledged twice");
    }

    /// Brings back what a restored database put off, because the broker in memory does not.
    pub(crate) async fn end_hold_and_bring_back(&self) {
        // Earlier than any process's clock can lag behind.
        let end = "update ballet.restored set hold_until = ballet.now() - interval '1 hour'";
        sqlx::query(end).execute(&self.db).await.expect("an answer");
        for copy in self.broker.taken() {
            if copy.exchange.starts_with("retry.") {
                let exchange = topology::ROUTE.to_owned();
                self.broker.put(&Publish { exchange, ..copy });
            }
        }
        self.settle().await;
    }

    pub(crate) async fn revive(&mut self) {
        self.broker.recover();
        self.start(1).await;
        self.settle().await;
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
        for message in self.broker.taken() {
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

/// Says how many sagas there were, and shows some of those that went wrong.
pub(crate) fn report(what: &str, began: Instant, all: usize, wrong: &[String]) {
    eprintln!("{what}: {all} sagas in {:.1} s", began.elapsed().as_secs_f64());
    assert!(
        wrong.is_empty(),
        "{what}: {} of {all} sagas went wrong; some of them:\n{}",
        wrong.len(),
        wrong.iter().take(4).cloned().collect::<Vec<_>>().join("\n")
    );
}
