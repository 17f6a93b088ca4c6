//! Samples of what may happen to a step.

use std::fmt;

use ballet::{Event, SagaId};
use serde::Serialize;
use serde_json::Value;

/// An event that somebody tells.
#[derive(Debug, Clone)]
pub struct Told {
    pub(super) event_type: &'static str,
    pub(super) publisher: &'static str,
    pub(super) body: String,
}

/// An event that somebody tells.
///
/// # Panics
/// If it cannot be written as JSON.
pub fn told<E: Event>(event: &E) -> Told {
    let (event_type, body) = (E::TYPE, json(event).to_string());
    Told { event_type: event_type.name(), publisher: event_type.service(), body }
}

fn json(sample: &impl Serialize) -> Value {
    serde_json::to_value(sample)
        .unwrap_or_else(|error| panic!("a sample cannot be written as JSON: {error}"))
}

pub(super) type Events = Box<dyn Fn(SagaId) -> Vec<Told> + Send + Sync>;
pub(super) type Statement = Box<dyn Fn(SagaId) -> String + Send + Sync>;

/// What sets off a step.
pub(super) enum Trigger {
    Events(Events),
    /// A request that begins a saga: path and body.
    Request(&'static str, Value),
}

/// What the suite is to know of one step: events that make it done, refused, undone, or fail. All
/// are functions of the saga, since the suite tries them on many.
pub struct Case {
    pub(super) trigger: Trigger,
    pub(super) rows: Statement,
    pub(super) after: Events,
    pub(super) refused: Option<Trigger>,
    pub(super) refused_after: Option<Events>,
    pub(super) abort: Option<Events>,
    pub(super) failing: Option<(Statement, Events)>,
}

impl Case {
    /// A step that these events make done; one of each type that the step declares, in its order.
    #[must_use]
    pub fn done_by(events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static) -> Self {
        Self::new(Trigger::Events(Box::new(events)))
    }

    /// The beginning of a saga by `POST path` with this body.
    #[must_use]
    ///
    /// # Panics
    /// If the body cannot be written as JSON.
    pub fn done_by_request(path: &'static str, body: &impl Serialize) -> Self {
        Self::new(Trigger::Request(path, json(body)))
    }

    fn new(trigger: Trigger) -> Self {
        Self {
            trigger,
            rows: Box::new(|_| String::new()),
            after: Box::new(|_| Vec::new()),
            refused: None,
            refused_after: None,
            abort: None,
            failing: None,
        }
    }

    /// Events that the service takes in before.
    #[must_use]
    pub fn after(mut self, events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static) -> Self {
        self.after = Box::new(events);
        self
    }

    /// SQL by which the service's rows are as if earlier steps had run.
    #[must_use]
    pub fn given(mut self, rows: impl Fn(SagaId) -> String + Send + Sync + 'static) -> Self {
        self.rows = Box::new(rows);
        self
    }

    /// Events that make it say no.
    #[must_use]
    pub fn refused_by(
        mut self,
        events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static,
    ) -> Self {
        self.refused = Some(Trigger::Events(Box::new(events)));
        self
    }

    /// A body for which the request is answered with a no.
    #[must_use]
    ///
    /// # Panics
    /// If the body cannot be written as JSON.
    pub fn refused_by_request(mut self, path: &'static str, body: &impl Serialize) -> Self {
        self.refused = Some(Trigger::Request(path, json(body)));
        self
    }

    /// Events that come before a refusal, where they are others than in [`after`](Self::after).
    #[must_use]
    pub fn refused_after(
        mut self,
        events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static,
    ) -> Self {
        self.refused_after = Some(Box::new(events));
        self
    }

    /// The event by which the saga is aborted; for the owner, one that makes it abort.
    #[must_use]
    pub fn aborted_by(
        mut self,
        events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static,
    ) -> Self {
        self.abort = Some(Box::new(events));
        self
    }

    /// Events on which the step's handler fails for good, with SQL for rows that make it so.
    #[must_use]
    pub fn failing_on(
        mut self,
        rows: impl Fn(SagaId) -> String + Send + Sync + 'static,
        events: impl Fn(SagaId) -> Vec<Told> + Send + Sync + 'static,
    ) -> Self {
        self.failing = Some((Box::new(rows), Box::new(events)));
        self
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").finish_non_exhaustive()
    }
}
