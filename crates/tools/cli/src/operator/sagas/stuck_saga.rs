//! Why a saga is stuck.

use ballet::MessageId;
use ballet_ops::sagas::{Hindrance, PATIENCE, SagaState};
use jiff::Timestamp;
use serde_json::{Value, json};

/// The service could not publish its next event.
pub(super) const UNPUBLISHABLE: &str = "unpublishable";

#[derive(Debug, Default)]
pub(super) struct StuckSaga {
    pub(super) saga: String,
    pub(super) service: String,
    pub(super) step: Option<String>,
    pub(super) what: Option<String>,
    pub(super) since: Option<Timestamp>,
    pub(super) next_at: Option<Timestamp>,
    pub(super) reason: String,
    pub(super) detail: Option<String>,
    pub(super) attempts: u64,
    pub(super) message: Option<MessageId>,
}

impl StuckSaga {
    pub(super) fn state(&self, hindrances: &[Hindrance], now: Timestamp) -> SagaState {
        let Self { service, step, next_at, .. } = self;
        let is_hindered = hindrances.iter().any(|one| one.hinders(service, step.as_deref()));
        let is_late = self.since.is_some_and(|since| now.duration_since(since) > PATIENCE);
        SagaState::open(next_at.is_none(), is_hindered, is_late)
    }

    pub(super) fn json(&self, state: SagaState) -> Value {
        json!({
            "state": state.as_str(),
            "saga": self.saga, "service": self.service, "step": self.step, "what": self.what,
            "since": self.since.map(|at| at.to_string()),
            "next_at": self.next_at.map(|at| at.to_string()), "reason": self.reason,
            "detail": self.detail, "attempts": self.attempts,
            "message": self.message.map(|id| id.to_string()),
        })
    }
}
