//! Statements that the database does not take as they are written, such as an unknown table, or a
//! wrong type. No retry helps, so the log says it at the first failure, and readiness while it goes
//! on.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::declare::handler::failure::Failure;

/// How long a step is named after its statement was wrong. The attempts of one message go from
/// replica to replica, and none of these is unready for long.
const NAMED_FOR: Duration = Duration::from_secs(20);
/// The log names a step again after this long.
const LOGGED_AGAIN: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, Default)]
pub(crate) struct WrongStatements {
    of_steps: Mutex<BTreeMap<&'static str, WrongStatement>>,
}

#[derive(Debug)]
struct WrongStatement {
    why: String,
    logged: Instant,
    last: Instant,
}

impl WrongStatements {
    pub(super) fn ran<T>(&self, step: &'static str, ended: &Result<T, Failure>) {
        if let Err(failure) = ended
            && failure.is_wrong_statement()
        {
            self.failed(step, failure);
        }
    }

    fn failed(&self, step: &'static str, failure: &Failure) {
        if let Some(known) = self.of_steps().get_mut(step)
            && known.logged.elapsed() < LOGGED_AGAIN
        {
            known.last = Instant::now();
            return;
        }
        let why = format!("a statement of {step} does not fit the database: {failure}");
        tracing::error!(step, "{why}");
        let now = Instant::now();
        self.of_steps().insert(step, WrongStatement { why, logged: now, last: now });
    }

    pub(crate) fn said(&self) -> Option<String> {
        let of_steps = self.of_steps();
        let mut recent = of_steps.values().filter(|step| step.last.elapsed() < NAMED_FOR);
        recent.next().map(|step| step.why.clone())
    }

    fn of_steps(&self) -> MutexGuard<'_, BTreeMap<&'static str, WrongStatement>> {
        self.of_steps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
