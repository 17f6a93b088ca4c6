//! Watches what becomes of redriven messages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::headers::{CAUSATION_ID, text_header};
use ballet_amqp::{Broker, BrokerError, Deliveries, Session};
use ballet_core::MessageId;
use ballet_core::topology::{DEAD, EVENTS, JOURNAL};
use ballet_store::inbox::messages::handled;
use futures_util::StreamExt;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::redrive::canary::RedriveOutcome;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::Progress;

const PREFETCH: u16 = 1_000;
/// The time between two looks at the service's inbox.
const INBOX_POLL: Duration = Duration::from_millis(200);

/// Watches the journal, and the service's inbox if its database is known.
pub(crate) struct Watcher {
    stream: Arc<dyn Session>,
    journal: Deliveries,
    inbox: Option<PgConnection>,
}

impl Watcher {
    /// Reads the journal from now on. Open it before the messages are sent.
    pub(crate) async fn open(
        broker: &dyn Broker,
        inbox: Option<PgConnection>,
    ) -> Result<Self, RedriveError> {
        // It has a connection of its own, since an error on a stream ends the connection.
        let stream = broker.connect("ballet canary").await?;
        let journal = stream.consume(JOURNAL, "ballet canary", PREFETCH).await?;
        Ok(Self { stream, journal, inbox })
    }

    /// The messages that the service has handled, according to its inbox.
    async fn handled(&mut self, ids: &[MessageId]) -> Result<HashSet<MessageId>, RedriveError> {
        let Some(db) = &mut self.inbox else { return Ok(HashSet::new()) };
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        Ok(handled(db, &ids).await?)
    }

    /// Waits until each of these messages is handled or dead, but no longer than `patience` for the next one. `known` is
    /// told of how many it is known.
    pub(crate) async fn outcomes(
        &mut self,
        run_id: &Uuid,
        service: &str,
        ids: &[MessageId],
        patience: Duration,
        known: Progress<'_>,
    ) -> Result<HashMap<MessageId, RedriveOutcome>, RedriveError> {
        let mut outcomes = HashMap::new();
        let ids: HashSet<MessageId> = ids.iter().copied().collect();
        let mut end = Instant::now() + patience;
        let mut poll = tokio::time::interval(INBOX_POLL);
        while outcomes.len() < ids.len() && Instant::now() < end {
            let before = outcomes.len();
            tokio::select! {
                next = self.journal.next() => {
                    let ended = || BrokerError::Lost("the journal ended".to_owned());
                    let delivery = next.ok_or_else(ended)??;
                    let tag = delivery.tag;
                    let exchange = delivery.exchange.clone();
                    if exchange == DEAD && delivery.routing_key == service {
                        let dead_letter = DeadLetter::read(service, delivery);
                        if dead_letter.is_from(run_id) && ids.contains(&dead_letter.id) {
                            let DeadLetter { id, reason, detail, .. } = dead_letter;
                            outcomes.insert(id, RedriveOutcome::DeadAgain { reason, detail });
                        }
                    } else if exchange == EVENTS {
                        let cause = text_header(&delivery.properties, CAUSATION_ID);
                        let cause = cause.and_then(|cause| cause.parse().ok());
                        if let Some(id) = cause.filter(|id| ids.contains(id)) {
                            outcomes.entry(id).or_insert(RedriveOutcome::Handled);
                        }
                    }
                    // On a stream, an acknowledgement only asks for more.
                    self.stream.ack(tag, false).await?;
                }
                _ = poll.tick() => {
                    let asked = Instant::now();
                    let open: Vec<MessageId> =
                        ids.iter().copied().filter(|id| !outcomes.contains_key(id)).collect();
                    for id in self.handled(&open).await? {
                        outcomes.entry(id).or_insert(RedriveOutcome::Handled);
                    }
                    // To ask for very many takes its time, and the service needs its database.
                    poll.reset_after(INBOX_POLL.max(4 * asked.elapsed()));
                }
            }
            if outcomes.len() > before {
                end = Instant::now() + patience;
                known(outcomes.len() as u64);
            }
        }
        for id in ids {
            outcomes.entry(id).or_insert(RedriveOutcome::Unknown);
        }
        Ok(outcomes)
    }

    pub(crate) async fn close(self) {
        self.stream.close().await;
        if let Some(db) = self.inbox {
            // The session ends anyway: an orderly close only keeps the server's log quiet.
            timeout(Duration::from_secs(2), db.close()).await.ok();
        }
    }
}
