//! Sends everything that has not reached its services: the events that no binding took, and what each service has
//! missed, from the journal and the ledgers. The cause, such as a missing binding, is repaired before.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::databases::connect_to;
use crate::missed::{Consumer, MissedEvents, Witnesses, search, send};
use crate::redrive::{
    DeadLetter, DeadLetterFilter, DeadLetterGroups, RedriveError, RedriveOptions, Summary,
    UnroutedEvents,
};
use crate::words::{acting, counted, grouped};

/// A repair of a system.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The servers, the declarations, and the time since when something may have been lost.
    pub witnesses: Witnesses,
    /// The time before which inboxes do not know ids.
    pub floor: Timestamp,
    /// The longest wait for a service to handle its queue.
    pub patience: Duration,
}

/// The events that were found, and how many of them were sent.
#[derive(Debug, Default)]
pub struct RepairResult {
    /// The number of events that no binding took and that a service consumes.
    pub unrouted: u64,
    /// The events that no binding took and that stay, without a consumer or forged.
    pub unclaimed: DeadLetterGroups,
    /// The events that each service has missed.
    pub missed: Vec<MissedEvents>,
    /// The number of events that were sent.
    pub sent: u64,
    /// Why something could not be read or sent.
    pub failures: Vec<String>,
}

impl RepairResult {
    /// Returns the number of events that were found and can be sent.
    #[must_use]
    pub fn found(&self) -> u64 {
        let missed = self.missed.iter().map(|missed| missed.events().len() as u64);
        self.unrouted + missed.sum::<u64>()
    }

    /// Returns sentences on what was found and what stays.
    #[must_use]
    pub fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        if self.unrouted > 0 {
            words.push(format!("{} in `unrouted` for services", counted(self.unrouted, "event")));
        }
        for missed in &self.missed {
            let service = missed.service();
            words.extend(missed.by_type().into_iter().map(|(event_type, count)| {
                format!("{service} has missed {} of {event_type}", grouped(count))
            }));
            if !missed.is_whole() {
                words.push(format!("what {service} has missed cannot be seen as a whole"));
            }
        }
        words.extend(self.failures.iter().cloned());
        words.extend(self.unclaimed.all().map(|(key, group)| {
            let stay = acting(group.count, "event", "stay");
            let (kind, why) = (key.event_type.as_deref(), group.detail.as_deref());
            let (kind, why) = (kind.unwrap_or("no type"), why.unwrap_or_default());
            format!("{stay} in `unrouted`, {kind}: {why}")
        }));
        words
    }

    fn add(&mut self, sent: Summary) {
        self.sent += sent.removed;
        self.failures.extend(sent.failures.into_iter().map(|(id, why)| format!("{id}: {why}")));
        self.failures.extend(sent.error.map(|error| error.to_string()));
    }

    /// Whether nothing is missing, as far as the journal and the databases show.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let all_seen = self.missed.iter().all(MissedEvents::is_whole);
        all_seen && self.unclaimed.dead_letters() == 0 && self.failures.is_empty()
    }
}

impl Repair {
    /// Searches and, unless it is only a preview, sends. After a stop the next run finds the rest.
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
        // First, because what is sent here counts as missed until it is handled.
        let Witnesses { broker, parts, databases, .. } = &self.witnesses;
        let unrouted = UnroutedEvents::new(Arc::clone(broker), parts.clone());
        let mut claimed = HashSet::new();
        let count = |event: DeadLetter| match &unrouted.consumers(&event)[..] {
            [] => drop(result.unclaimed.add(&event)),
            consumers => {
                result.unrouted += 1;
                claimed.extend(consumers.iter().map(|service| (*service, event.id)));
            }
        };
        unrouted.letters().browse(count).await?;
        if !is_preview && result.unrouted > 0 {
            let all = DeadLetterFilter::default();
            result.add(unrouted.redrive(&all, options).await?);
        }
        let mut open = Vec::new();
        for part in parts {
            match connect_to(databases, part.service).await {
                Ok(db) => open.push((part, db)),
                Err(why) => result.failures.push(why),
            }
        }
        let consumers =
            open.iter_mut().map(|(part, inbox)| Consumer { part, inbox, is_restored: false });
        let found =
            search(&self.witnesses, consumers.collect(), options, self.floor, self.patience);
        // What was sent before stays in the result.
        let found = found.await.unwrap_or_else(|why| {
            result.failures.push(why.to_string());
            Vec::new()
        });
        for mut missed in found {
            let service = missed.service();
            missed.retain(|event| !claimed.contains(&(service, event.id)));
            if !is_preview && !missed.events().is_empty() {
                match send(&self.witnesses, &missed, options).await {
                    Ok(sent) => result.add(sent),
                    Err(why) => result.failures.push(format!("{service}: {why}")),
                }
            }
            result.missed.push(missed);
        }
        Ok(result)
    }
}
