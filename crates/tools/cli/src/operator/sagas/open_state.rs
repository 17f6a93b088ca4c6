//! Open sagas' states: waiting, blocked or stuck, by the console's rule.

use anyhow::Result;
use ballet_ops::doctor;
use ballet_ops::sagas::{Hindrance, PATIENCE, PressingWait, SagaState, SagaWait, hindrances};
use console::Style;
use jiff::Timestamp;

use crate::base::options::GlobalOptions;

/// Where something on the servers blocks sagas now.
pub(super) async fn hindered(options: &GlobalOptions) -> Result<Vec<Hindrance>> {
    let servers = options.system_servers()?;
    let standing = doctor::standing(&servers).await;
    Ok(hindrances(servers.system, &standing.findings))
}

pub(super) fn open_state<'h>(
    waits: &[SagaWait],
    deadline: Option<Timestamp>,
    hindrances: &'h [Hindrance],
    now: Timestamp,
) -> Option<(SagaState, Option<&'h Hindrance>)> {
    PressingWait::of(waits, deadline, PATIENCE).map(|pressing| pressing.state(hindrances, now))
}

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
