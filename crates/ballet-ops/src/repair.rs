//! Sends everything that has not reached its services: the events that no binding took, and what each service has missed,
//! from the journal and the ledgers. What had made it so, such as a missing binding, is repaired before.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Broker;
use ballet_core::{MessageId, Part};
use ballet_store::operators::interventions::Act;
use jiff::Timestamp;
use sqlx::postgres::PgConnectOptions;

use crate::databases::connect_in_time;
use crate::missed::{MissedEvents, ServiceJournal, search, send};
use crate::redrive::{
    DeadLetter, DeadLetterFilter, NoteWriter, RedriveError, RedriveOptions, Summary, UnroutedEvents,
};
use crate::words::{acting, counted, grouped};

/// The servers and the declarations of a system, and the time from which on something may have been lost.
#[derive(Clone)]
pub struct Repair {
    /// The broker as a user who may read the journal and send to services.
    pub broker: Arc<dyn Broker>,
    /// The declarations of all services.
    pub parts: Vec<Part>,
    /// Their databases.
    pub databases: Vec<(String, PgConnectOptions)>,
    /// The time from which on it is searched.
    pub since: Timestamp,
    /// The time up to which inboxes remember what was handled.
    pub floor: Timestamp,
    /// The longest wait for a service to handle its queue.
    pub patience: Duration,
}

/// The events that were found, and how many of them were sent.
#[derive(Debug, Default)]
pub struct RepairResult {
    /// The number of events that no binding took and that a service consumes.
    pub unrouted: u64,
    /// The number of events that no binding took and that stay: no service consumes them, or they are forged.
    pub unclaimed: u64,
    /// The events that each service has missed.
    pub missed: Vec<(&'static str, MissedEvents)>,
    /// The number of events that were sent.
    pub sent: u64,
    /// Why something could not be read or sent.
    pub failures: Vec<String>,
}

impl RepairResult {
    /// Returns the number of events that were found and can be sent.
    #[must_use]
    pub fn found(&self) -> u64 {
        let missed = self.missed.iter().map(|(_, missed)| missed.events().len() as u64);
        self.unrouted + missed.sum::<u64>()
    }

    /// Returns a sentence on each part of what was found, and on what stays.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.unrouted > 0 {
            words.push(format!("{} in `unrouted` for services", counted(self.unrouted, "event")));
        }
        for (service, missed) in &self.missed {
            words.extend(missed.by_type().into_iter().map(|(event_type, count)| {
                format!("{service} has missed {} of {event_type}", grouped(count))
            }));
            if !missed.is_whole() {
                words.push(format!("what {service} has missed cannot be seen as a whole"));
            }
        }
        words.extend(self.failures.iter().cloned());
        if self.unclaimed > 0 {
            let stay = acting(self.unclaimed, "event", "stay");
            let why = "`ballet dlq redrive --from-unrouted --dry-run` says why";
            words.push(format!("{stay} in `unrouted`: {why}"));
        }
        words
    }

    fn add(&mut self, sent: Summary) {
        self.sent += sent.removed;
        self.failures.extend(sent.failures.into_iter().map(|(id, why)| format!("{id}: {why}")));
    }

    /// Whether nothing is left behind, as far as the journal and the databases tell.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let all_seen = self.missed.iter().all(|(_, missed)| missed.is_whole());
        all_seen && self.unclaimed == 0 && self.failures.is_empty()
    }
}

impl fmt::Debug for Repair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repair").field("since", &self.since).finish_non_exhaustive()
    }
}

impl Repair {
    /// Searches, and sends what it finds, unless it is only a preview. It may be stopped: the next one finds the rest.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access. What was sent before stays sent.
    pub async fn run(
        &self,
        options: &RedriveOptions<'_>,
        is_preview: bool,
    ) -> Result<RepairResult, RedriveError> {
        let mut result = RepairResult::default();
        // First: what is sent here counts as missed until it is handled.
        let unrouted = UnroutedEvents::new(Arc::clone(&self.broker), self.parts.clone());
        let mut claimed = HashSet::new();
        let count = |event: DeadLetter| match &unrouted.consumers(&event)[..] {
            [] => result.unclaimed += 1,
            consumers => {
                result.unrouted += 1;
                claimed.extend(consumers.iter().map(|service| (*service, event.id)));
            }
        };
        unrouted.letters().browse(count).await?;
        if !is_preview && result.unrouted > 0 {
            let all = DeadLetterFilter::default();
            let (sent, unnoted) = unrouted.redrive(&all, options, &self.databases).await?;
            result.add(sent);
            let unnoted = unnoted.into_iter().map(|(service, why)| format!("{service}: {why}"));
            result.failures.extend(unnoted);
        }
        for part in &self.parts {
            let sent = self.send_missed(part, &claimed, options, is_preview, &mut result);
            if let Err(why) = sent.await {
                result.failures.push(format!("{}: {why}", part.service));
            }
        }
        Ok(result)
    }

    async fn send_missed(
        &self,
        part: &Part,
        claimed: &HashSet<(&str, MessageId)>,
        options: &RedriveOptions<'_>,
        is_preview: bool,
        result: &mut RepairResult,
    ) -> Result<(), String> {
        let database = self.databases.iter().find(|(service, _)| service == part.service);
        let (_, database) = database.ok_or("its database is not given")?;
        let mut inbox = connect_in_time(database).await.map_err(|error| error.to_string())?;
        let journal = ServiceJournal::new(Arc::clone(&self.broker), part.clone(), self.since)
            .and_ledgers(self.databases.clone(), self.parts.clone());
        let text = |error: RedriveError| error.to_string();
        let found = search(&journal, options, &mut inbox, self.floor, self.patience);
        let mut missed = found.await.map_err(text)?;
        missed.retain(|event| !claimed.contains(&(part.service, event.id)));
        if !is_preview && !missed.events().is_empty() {
            let notes = NoteWriter::open(Ok(inbox), Act::Redriven, options.note.clone());
            let each = |event: &DeadLetter| notes.add(event);
            let (note, stop) = (options.note.clone(), options.stop.clone());
            let options = RedriveOptions { note, stop, each: &each, ..*options };
            let sent = send(&journal, &missed, &options).await;
            let noted = notes.close().await;
            result.add(sent.map_err(text)?);
            noted?;
        }
        result.missed.push((part.service, missed));
        Ok(())
    }
}
