//! What became of a message that was redriven.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_core::MessageId;
use ballet_core::topology::{DEAD, EVENTS, JOURNAL};
use futures_util::StreamExt;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use super::{Letter, RedriveError};
use ballet_amqp::headers::text_header;
use ballet_amqp::{Broker, BrokerError, Deliveries, Session};

const PREFETCH: u16 = 1_000;
/// How often the service's inbox is asked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What became of a message that was redriven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// The service has handled it, now or before.
    Handled,
    /// It is a dead letter again.
    DeadAgain {
        /// The machine-readable reason.
        reason: String,
        /// The reason in a sentence.
        detail: Option<String>,
    },
    /// None of these in time: it waits, or is tried again later, or nobody says.
    Unknown,
}

/// Watches the journal, and the service's inbox if its database is known.
pub(super) struct Watcher {
    stream: Arc<dyn Session>,
    journal: Deliveries,
    inbox: Option<PgConnection>,
}

impl Watcher {
    /// To be opened before anything is sent: the journal is read from here on.
    pub(super) async fn open(
        broker: &dyn Broker,
        inbox: Option<PgConnection>,
    ) -> Result<Self, RedriveError> {
        // A connection of its own: what a stream cannot do ends the connection.
        let stream = broker.connect("ballet canary").await?;
        let journal = stream.consume(JOURNAL, "ballet canary", PREFETCH).await?;
        Ok(Self { stream, journal, inbox })
    }

    /// Those that the service has handled.
    pub(super) async fn handled(
        &mut self,
        ids: &[MessageId],
    ) -> Result<HashSet<MessageId>, RedriveError> {
        let Some(db) = &mut self.inbox else { return Ok(HashSet::new()) };
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        let statement = "select message_id from ballet.inbox where message_id = any($1) union all \
                         select message_id from ballet.inbox_other where message_id = any($1)";
        let rows: Vec<(Uuid,)> = sqlx::query_as(statement).bind(&ids).fetch_all(db).await?;
        Ok(rows.into_iter().map(|(id,)| MessageId(id)).collect())
    }

    /// Waits until all of these messages have ended in one way or another, at most so long.
    pub(super) async fn fates(
        &mut self,
        run: Uuid,
        service: &str,
        ids: &[MessageId],
        patience: Duration,
    ) -> Result<HashMap<MessageId, Fate>, RedriveError> {
        let mut fates = HashMap::new();
        let end = Instant::now() + patience;
        let mut look = tokio::time::interval(LOOK_EVERY);
        while fates.len() < ids.len() && Instant::now() < end {
            tokio::select! {
                next = self.journal.next() => {
                    let ended = || BrokerError::Lost("the journal ended".to_owned());
                    let delivery = next.ok_or_else(ended)??;
                    let tag = delivery.tag;
                    let exchange = delivery.exchange.clone();
                    if exchange == DEAD && delivery.routing_key == service {
                        let letter = Letter::read(service, delivery);
                        if letter.run == Some(run) && ids.contains(&letter.id) {
                            let Letter { reason, detail, .. } = letter;
                            fates.insert(letter.id, Fate::DeadAgain { reason, detail });
                        }
                    } else if exchange == EVENTS {
                        let cause = text_header(&delivery.properties, "causation_id");
                        let cause = cause.and_then(|cause| cause.parse().ok());
                        if let Some(id) = cause.filter(|id| ids.contains(id)) {
                            fates.entry(id).or_insert(Fate::Handled);
                        }
                    }
                    // On a stream this only asks for more.
                    self.stream.ack(tag, false).await?;
                }
                _ = look.tick() => {
                    for id in self.handled(ids).await? {
                        fates.entry(id).or_insert(Fate::Handled);
                    }
                }
            }
        }
        for id in ids {
            fates.entry(*id).or_insert(Fate::Unknown);
        }
        Ok(fates)
    }

    pub(super) async fn close(self) {
        self.stream.close().await;
        if let Some(db) = self.inbox {
            // It is a courtesy to the server.
            timeout(Duration::from_secs(2), db.close()).await.ok();
        }
    }
}
