//! A step's sample: the events and rows with which the suite runs it.

use std::fmt;

use ballet::{Event, SagaId};
use serde::Serialize;
use serde_json::Value;

/// An event as a publisher would send it.
#[derive(Debug, Clone)]
pub struct PublishedEvent {
    pub(crate) event_type: &'static str,
    pub(crate) publisher: &'static str,
    pub(crate) body: String,
}

/// Encodes an event for a [`StepCase`].
///
/// # Panics
/// If it cannot be written as JSON.
pub fn published<E: Event>(event: &E) -> PublishedEvent {
    let (event_type, body) = (E::TYPE, json(event).to_string());
    PublishedEvent { event_type: event_type.name(), publisher: event_type.service(), body }
}

fn json(sample: &impl Serialize) -> Value {
    serde_json::to_value(sample)
        .unwrap_or_else(|error| panic!("a sample cannot be written as JSON: {error}"))
}

pub(crate) type Events = Box<dyn Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync>;
pub(crate) type Statement = Box<dyn Fn(SagaId) -> String + Send + Sync>;

pub(crate) enum CaseTrigger {
    Events(Events),
    Request(&'static str, Value),
}

/// A sample for one step: events that make it done, refused, undone, or fail.
///
/// Every part is a function of the saga, because the suite runs each of them with many sagas.
pub struct StepCase {
    pub(crate) trigger: CaseTrigger,
    pub(crate) rows: Option<Statement>,
    pub(crate) after: Option<Events>,
    pub(crate) refused: Option<CaseTrigger>,
    pub(crate) refused_after: Option<Events>,
    pub(crate) abort: Option<Events>,
    pub(crate) failing: Option<(Statement, Events)>,
}

impl StepCase {
    /// Creates a case for a step that these events make done: one of each type that the step declares, in its order.
    #[must_use]
    pub fn done_by(events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static) -> Self {
        Self::new(CaseTrigger::Events(Box::new(events)))
    }

    /// Creates a case for a step that begins a saga, made done by `POST path` with this body. It combines only with
    /// [`refused_by_request`](Self::refused_by_request): nothing knows the saga before the request.
    #[must_use]
    ///
    /// # Panics
    /// If the body cannot be written as JSON.
    pub fn done_by_request(path: &'static str, body: &impl Serialize) -> Self {
        Self::new(CaseTrigger::Request(path, json(body)))
    }

    pub(crate) fn of_a_known_saga(&self) -> Vec<&'static str> {
        let parts = [
            ("`given`", self.rows.is_some()),
            ("`after`", self.after.is_some()),
            ("`refused_by`", matches!(self.refused, Some(CaseTrigger::Events(_)))),
            ("`refused_after`", self.refused_after.is_some()),
            ("`aborted_by`", self.abort.is_some()),
            ("`failing_on`", self.failing.is_some()),
        ];
        parts.into_iter().filter(|(_, is_there)| *is_there).map(|(name, _)| name).collect()
    }

    fn new(trigger: CaseTrigger) -> Self {
        Self {
            trigger,
            rows: None,
            after: None,
            refused: None,
            refused_after: None,
            abort: None,
            failing: None,
        }
    }

    /// Events that the service handles first.
    #[must_use]
    pub fn after(
        mut self,
        events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static,
    ) -> Self {
        self.after = Some(Box::new(events));
        self
    }

    /// SQL for the rows that earlier steps would have written.
    #[must_use]
    pub fn given(mut self, rows: impl Fn(SagaId) -> String + Send + Sync + 'static) -> Self {
        self.rows = Some(Box::new(rows));
        self
    }

    /// Events that make the step refuse.
    #[must_use]
    pub fn refused_by(
        mut self,
        events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static,
    ) -> Self {
        self.refused = Some(CaseTrigger::Events(Box::new(events)));
        self
    }

    /// A body that makes the service refuse the request.
    #[must_use]
    ///
    /// # Panics
    /// If the body cannot be written as JSON.
    pub fn refused_by_request(mut self, path: &'static str, body: &impl Serialize) -> Self {
        self.refused = Some(CaseTrigger::Request(path, json(body)));
        self
    }

    /// Events that the service handles before a refusal, where they differ from those of
    /// [`after`](Self::after).
    #[must_use]
    pub fn refused_after(
        mut self,
        events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static,
    ) -> Self {
        self.refused_after = Some(Box::new(events));
        self
    }

    /// The event that aborts the saga; for the owner, the event that makes it abort.
    #[must_use]
    pub fn aborted_by(
        mut self,
        events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static,
    ) -> Self {
        self.abort = Some(Box::new(events));
        self
    }

    /// Events on which the step's handler always fails, with SQL for the rows that make it fail.
    #[must_use]
    pub fn failing_on(
        mut self,
        rows: impl Fn(SagaId) -> String + Send + Sync + 'static,
        events: impl Fn(SagaId) -> Vec<PublishedEvent> + Send + Sync + 'static,
    ) -> Self {
        self.failing = Some((Box::new(rows), Box::new(events)));
        self
    }
}

impl fmt::Debug for StepCase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepCase").finish_non_exhaustive()
    }
}
