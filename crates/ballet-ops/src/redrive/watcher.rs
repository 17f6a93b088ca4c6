//! Watches for the outcomes of redriven messages.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, Delivery};
use ballet_core::topology::{DEAD, EVENTS};
use ballet_core::{MessageId, Part};
use ballet_store::inbox::messages::handled;
use ballet_stream::{JournalError, JournalItem, JournalReader, Record, Start};
use sqlx::{Connection, PgConnection};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::{Progress, RedriveOptions, Stop, stopped};
use crate::redrive::outcomes::RedriveOutcome;
use crate::redrive::sent_ids::SentIds;

/// The time between two queries of the service's inbox.
const INBOX_POLL: Duration = Duration::from_millis(200);
/// The most time for the first query: nobody can stop it.
const FIRST_LOOK: Duration = Duration::from_secs(10);
/// The time that connections get to end in good order.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Watches the journal, and the service's inbox if its database is known. If it cannot read them any more, outcomes
/// stay unknown. That is no error: the messages are sent all the same.
pub(crate) struct OutcomeWatcher {
    sent: SentIds,
    /// The outcomes in the journal, as long as it can be read.
    journal: mpsc::UnboundedReceiver<(MessageId, RedriveOutcome)>,
    following: JoinHandle<()>,
    inbox: Option<PgConnection>,
}

impl OutcomeWatcher {
    /// Reads the journal from now on, also while messages are sent: that may take hours, and RabbitMQ ends a channel
    /// that does not acknowledge for 30 minutes. Open it before the messages are sent. `part` are the service's
    /// declarations, if they are known.
    pub(crate) async fn open(
        broker: &Arc<dyn Broker>,
        service: &str,
        part: Option<&Part>,
        options: &RedriveOptions<'_>,
        inbox: Option<PgConnection>,
        sent: SentIds,
    ) -> Result<Self, RedriveError> {
        let reader = match JournalReader::open(Arc::clone(broker), Start::Next).await {
            // No reader gets the last messages, but it gets those that come now.
            Err(JournalError::NoEnd) => {
                JournalReader::open(Arc::clone(broker), Start::Time(options.note.at)).await
            }
            opened => opened,
        };
        let (found, journal) = mpsc::unbounded_channel();
        let follower = JournalFollower {
            service: service.to_owned(),
            foreign: foreign_types(part),
            run: options.run_id,
            sent: sent.clone(),
        };
        let following = tokio::spawn(follower.follow(reader?, found));
        Ok(Self { sent, journal, following, inbox })
    }

    /// Returns the messages that the service has handled, according to its inbox.
    async fn handled(&mut self, ids: &[MessageId]) -> HashSet<MessageId> {
        let Some(db) = &mut self.inbox else { return HashSet::new() };
        let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
        match handled(db, &ids).await {
            Ok(handled) => handled,
            Err(error) => {
                tracing::warn!("the inbox cannot be read any more; the journal is: {error}");
                self.inbox = None;
                HashSet::new()
            }
        }
    }

    /// Waits until each message that was sent is handled or dead, at most `patience` for the next one, or until it is
    /// stopped. Without patience it returns the outcomes that are known by now. `known` gets their number.
    pub(crate) async fn outcomes(
        &mut self,
        patience: Duration,
        stop: &mut Stop,
        known: Progress<'_>,
    ) -> HashMap<MessageId, RedriveOutcome> {
        let mut outcomes = HashMap::new();
        let ids = self.sent.all();
        while let Ok(found) = self.journal.try_recv() {
            add(&mut outcomes, found);
        }
        if timeout(FIRST_LOOK, self.look_up(&ids, &mut outcomes)).await.is_err() {
            self.cut_off();
        }
        if !outcomes.is_empty() {
            known(outcomes.len() as u64);
        }
        let mut end = Instant::now() + patience;
        let mut poll = tokio::time::interval(INBOX_POLL);
        let mut is_read = true;
        while outcomes.len() < ids.len()
            && Instant::now() < end
            && (is_read || self.inbox.is_some())
        {
            let before = outcomes.len();
            tokio::select! {
                () = stopped(stop) => break,
                found = self.journal.recv(), if is_read => match found {
                    Some(found) => add(&mut outcomes, found),
                    None => is_read = false,
                },
                _ = poll.tick() => {
                    let asked = Instant::now();
                    tokio::select! {
                        () = stopped(stop) => {
                            self.cut_off();
                            break;
                        }
                        () = self.look_up(&ids, &mut outcomes) => {}
                    }
                    // A query of very many ids takes its time, and the service needs its database.
                    poll.reset_after(INBOX_POLL.max(4 * asked.elapsed()));
                }
            }
            if outcomes.len() > before {
                end = Instant::now() + patience;
                known(outcomes.len() as u64);
            }
        }
        outcomes
    }

    /// Gives the inbox up: the connection still waits for the answer to a query.
    fn cut_off(&mut self) {
        self.inbox = None;
    }

    /// Looks the messages without an outcome up in the inbox.
    async fn look_up(
        &mut self,
        ids: &HashSet<MessageId>,
        outcomes: &mut HashMap<MessageId, RedriveOutcome>,
    ) {
        let open: Vec<MessageId> =
            ids.iter().copied().filter(|id| !outcomes.contains_key(id)).collect();
        for id in self.handled(&open).await {
            outcomes.entry(id).or_insert(RedriveOutcome::Handled);
        }
    }

    pub(crate) async fn close(self) {
        let Self { journal, following, inbox, .. } = self;
        drop(journal);
        // The connections end anyway: an orderly close only keeps the servers' logs quiet.
        timeout(CLOSE_LIMIT, following).await.ok();
        if let Some(db) = inbox {
            timeout(CLOSE_LIMIT, db.close()).await.ok();
        }
    }
}

fn add(
    outcomes: &mut HashMap<MessageId, RedriveOutcome>,
    (id, outcome): (MessageId, RedriveOutcome),
) {
    match outcome {
        RedriveOutcome::Handled => {
            outcomes.entry(id).or_insert(outcome);
        }
        RedriveOutcome::DeadAgain { .. } | RedriveOutcome::Unknown => {
            outcomes.insert(id, outcome);
        }
    }
}

/// Returns the types that foreign producers may publish as well.
fn foreign_types(part: Option<&Part>) -> Vec<&'static str> {
    let types = part.map(|part| [part.emits(), part.consumes()].concat()).unwrap_or_default();
    let foreign = types.iter().filter(|event| !event.foreign_producers().is_empty());
    foreign.map(|event| event.name()).collect()
}

/// Finds outcomes in the journal.
struct JournalFollower {
    service: String,
    foreign: Vec<&'static str>,
    run: Uuid,
    sent: SentIds,
}

impl JournalFollower {
    /// Follows until the watcher is closed, or the journal cannot be read.
    async fn follow(
        self,
        mut reader: JournalReader,
        found: mpsc::UnboundedSender<(MessageId, RedriveOutcome)>,
    ) {
        loop {
            let read = tokio::select! {
                read = reader.next() => read,
                () = found.closed() => break,
            };
            match read {
                Ok(JournalItem::Record(record)) => {
                    // An error means the same as `closed`.
                    self.outcome(record).and_then(|outcome| found.send(outcome).ok());
                }
                Ok(JournalItem::Notice(_)) => {}
                Err(error) => {
                    tracing::warn!("the journal cannot be read any more: {error}");
                    break;
                }
            }
        }
        reader.close().await;
    }

    fn outcome(&self, record: Record) -> Option<(MessageId, RedriveOutcome)> {
        if record.exchange == EVENTS {
            // The broker guards only the routing key: another service may have handled the same event.
            let publisher = record.routing_key.split('.').next();
            let is_foreign = self.foreign.iter().any(|foreign| *foreign == record.routing_key);
            if publisher != Some(&*self.service) || is_foreign {
                return None;
            }
            let id = record.cause().and_then(|cause| cause.parse().ok())?;
            return self.sent.has(id).then_some((id, RedriveOutcome::Handled));
        }
        if record.exchange != DEAD || record.routing_key != self.service {
            return None;
        }
        let Record { exchange, routing_key, properties, body, .. } = record;
        let (tag, redelivered) = (0, false);
        let delivery = Delivery { tag, redelivered, exchange, routing_key, properties, body };
        let dead_letter = DeadLetter::read(&self.service, delivery);
        let is_ours = dead_letter.is_from(&self.run) && self.sent.has(dead_letter.id);
        let DeadLetter { id, reason, detail, .. } = dead_letter;
        is_ours.then_some((id, RedriveOutcome::DeadAgain { reason, detail }))
    }
}

#[cfg(test)]
mod tests {
    use ballet_amqp::BasicProperties;
    use ballet_amqp::headers::CAUSATION_ID;
    use ballet_core::EventType;

    use super::*;
    use crate::redrive::sample::{delivered, long_string};

    #[test]
    fn only_what_the_service_alone_may_publish_shows_that_it_has_handled_a_message() {
        let checked_out = EventType::plain("cart.checked_out.v1").also_from(&["storefront"]);
        let cleared = EventType::plain("cart.cleared.v1");
        let publishes = vec![checked_out, cleared];
        let part = Part { service: "cart", publishes, ..Part::default() };
        let (sent, id) = (SentIds::default(), MessageId::derived_from_text("sent"));
        sent.add(id);
        let follower = JournalFollower {
            service: "cart".to_owned(),
            foreign: foreign_types(Some(&part)),
            run: Uuid::from_u128(7),
            sent,
        };
        let cause = id.to_string();
        for (event, shows) in
            [("cart.cleared.v1", true), ("cart.checked_out.v1", false), ("bell.rung.v1", false)]
        {
            let headers = [(CAUSATION_ID, long_string(&cause))];
            let delivery = delivered(EVENTS, event, BasicProperties::default(), &headers);
            assert_eq!(follower.outcome(delivery.into()).is_some(), shows, "{event}");
        }
    }
}
