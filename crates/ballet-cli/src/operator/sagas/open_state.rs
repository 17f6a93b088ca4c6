//! The states of open sagas: waiting, blocked or stuck, by the rule of the console.

use std::time::Duration;

use ballet_ops::sagas::{
    Hindrance, PATIENCE, PressingWait, SagaState, SagaWait, hindrances_of_broker,
};
use console::Style;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::base::options::GlobalOptions;
use crate::base::systems::system;
use crate::operator::doctor;

/// The longest time that a healthy broker takes to answer. Without an answer nothing is known of it.
const SOON: Duration = Duration::from_secs(5);

/// The hindrances in the broker: a missing binding, an alarm.
pub(super) async fn hindered_by_broker(options: &GlobalOptions) -> Vec<Hindrance> {
    let found = timeout(SOON, doctor::of_broker(None, options)).await;
    let found = found.ok().and_then(Result::ok).unwrap_or_default();
    system().map(|system| hindrances_of_broker(system, &found)).unwrap_or_default()
}

/// The state of a saga with these waits, and what hinders it if it is blocked.
pub(super) fn open_state<'h>(
    waits: &[SagaWait],
    deadline: Option<Timestamp>,
    hindrances: &'h [Hindrance],
    now: Timestamp,
) -> Option<(SagaState, Option<&'h Hindrance>)> {
    PressingWait::of(waits, deadline, PATIENCE).map(|pressing| pressing.state(hindrances, now))
}

/// The hindrance in words.
pub(super) fn hindrance_text(hindrance: &Hindrance) -> String {
    let Hindrance { service, step, why } = hindrance;
    match step {
        Some(step) => format!("{service}, {step}: {why}"),
        None => format!("{service}: {why}"),
    }
}

pub(super) fn style(state: SagaState) -> Style {
    match state {
        SagaState::Stuck => Style::new().red(),
        SagaState::Blocked => Style::new().yellow(),
        SagaState::Waiting | SagaState::Aborted => Style::new(),
        SagaState::Completed => Style::new().green(),
    }
}
