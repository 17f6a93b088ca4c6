//! A cause that is known, and is not the saga's: sagas that wait there are blocked, not stuck.

use serde::{Deserialize, Serialize};

/// What keeps the sagas that wait for a service, or for one of its steps, from going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hindrance {
    pub(crate) service: String,
    pub(crate) step: Option<String>,
    /// The cause, as a sentence.
    pub(crate) why: String,
}

impl Hindrance {
    pub(crate) fn of_service(service: &str, why: &str) -> Self {
        Self { service: service.to_owned(), step: None, why: why.to_owned() }
    }

    pub(crate) fn of_step(service: &str, step: &str, why: &str) -> Self {
        Self { step: Some(step.to_owned()), ..Self::of_service(service, why) }
    }

    /// The place, as the database compares it.
    pub(crate) fn key(&self) -> String {
        match &self.step {
            Some(step) => format!("{}/{step}", self.service),
            None => self.service.clone(),
        }
    }
}

/// The places of all.
pub(crate) fn keys(all: &[Hindrance]) -> Vec<String> {
    all.iter().map(Hindrance::key).collect()
}
