//! The queue of events that no binding took: sends them to the services that consume them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::{Broker, Publish};
use ballet_core::Part;
use ballet_core::envelope::KnownEvents;
use ballet_core::topology::RETRIES;
use jiff::Timestamp;

use crate::redrive::action::Action;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::filter::Filter;
use crate::redrive::options::RedriveOptions;
use crate::redrive::passes;
use crate::redrive::queue::{DeadQueue, QueueStatus};
use crate::redrive::run::Run;
use crate::redrive::summary::Summary;

/// The events that no binding took: of a misspelt type, or published while a binding was missing.
pub struct Unrouted {
    queue: DeadQueue,
    consumers: Vec<Consumer>,
}

/// A service, and the events that it consumes.
struct Consumer {
    part: Part,
    events: KnownEvents,
}

impl Unrouted {
    /// The queue on `broker`, for the services that declare these parts. This does not connect yet.
    pub fn new(broker: Arc<dyn Broker>, parts: Vec<Part>) -> Self {
        let consumer = |part: Part| {
            let events = part.consumes().into_iter().collect();
            Consumer { part, events }
        };
        let consumers = parts.into_iter().map(consumer).collect();
        Self { queue: DeadQueue::of_unrouted(broker), consumers }
    }

    /// Counts the events in the queue.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn status(&self) -> Result<QueueStatus, RedriveError> {
        self.queue.status().await
    }

    /// Passes every event to `each`, in the order of the queue, and leaves it there.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or has no such queue.
    pub async fn browse(&self, each: impl FnMut(DeadLetter)) -> Result<(), RedriveError> {
        self.queue.browse(each).await
    }

    /// The services that consume the event.
    #[must_use]
    pub fn consumers(&self, event: &DeadLetter) -> Vec<&'static str> {
        self.consumers_of(event).map(|consumer| consumer.part.service).collect()
    }

    fn consumers_of(&self, event: &DeadLetter) -> impl Iterator<Item = &Consumer> {
        let key = event.routing_key.as_deref().unwrap_or_default();
        // What was put straight into a retry queue comes back under the queue's name.
        let is_retry = RETRIES.iter().any(|(retry, _)| *retry == key);
        let key = if is_retry { event.event_type.as_deref().unwrap_or_default() } else { key };
        self.consumers.iter().filter(move |consumer| consumer.events.get(key).is_some())
    }

    /// Sends the events that match the filter to all services that consume them. An event that
    /// nobody consumes stays. It may be interrupted: a service that gets an event twice drops it.
    ///
    /// # Errors
    ///
    /// If the broker does not answer, or denies access. What was sent before stays sent.
    pub async fn redrive(
        &self,
        filter: &Filter,
        options: &RedriveOptions<'_>,
    ) -> Result<Summary, RedriveError> {
        let mut route = Route {
            unrouted: self,
            filter,
            run: Run::new(options, Timestamp::MIN),
            summary: Summary::default(),
            options,
        };
        let pace = options.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1));
        let mut stop = options.stop.clone();
        let stopped = passes::run(&self.queue, &mut route, pace, &mut stop).await?;
        Ok(Summary { stopped, ..route.summary })
    }
}

impl fmt::Debug for Unrouted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unrouted").finish_non_exhaustive()
    }
}

/// Sends each event to the services that consume it.
struct Route<'a> {
    unrouted: &'a Unrouted,
    filter: &'a Filter,
    run: Run,
    summary: Summary,
    options: &'a RedriveOptions<'a>,
}

impl Action for Route<'_> {
    fn replacements(&mut self, event: &DeadLetter) -> Option<Vec<Publish>> {
        if !self.filter.matches(event) {
            return None;
        }
        let send = |consumer: &Consumer| {
            let part = &consumer.part;
            self.run.redriven(&event.for_service(part.service), Some(part))
        };
        let messages: Vec<Publish> = self.unrouted.consumers_of(event).flat_map(send).collect();
        (!messages.is_empty()).then_some(messages)
    }

    fn removed(&mut self, event: &DeadLetter) {
        self.summary.add_removed(event, false, self.options);
    }

    fn failed(&mut self, id: String, reason: String) {
        self.summary.add_failed(id, reason);
    }

    fn removed_count(&self) -> u64 {
        self.summary.removed
    }
}
