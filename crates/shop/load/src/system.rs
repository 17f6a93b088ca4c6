//! The shop as the trials have it, and what a process of one is.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use ballet_trials::{Subject, served as service_of};

use crate::trial::Shop;

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> = LazyLock::new(|| subject().services());

/// The shop, for trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(Shop::default())
}

/// Runs what this process is, if it is one of a trial: a service, or the gateway.
#[must_use]
pub fn served() -> Option<ExitCode> {
    service_of(&subject())
}
