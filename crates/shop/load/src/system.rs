//! The shop as the subject of trials, and the entry of their processes.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use ballet_trials::{Subject, served as service_of};

use crate::trial::ShopTrial;

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> = LazyLock::new(|| subject().services());

/// Returns the shop as the subject of trials.
#[must_use]
pub fn subject() -> Arc<Subject> {
    Subject::new(ShopTrial::default())
}

/// Runs this process if it belongs to a trial: as a service, or as the gateway.
#[must_use]
pub fn served() -> Option<ExitCode> {
    service_of(&subject())
}
