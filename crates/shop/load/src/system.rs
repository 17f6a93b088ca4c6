//! The shop as the trials have it, and what a process of one is.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use ballet_trials::{SERVICE, Subject, served as service_of};

use crate::trial::Shop;

/// The gateway's name in the variable that says what a process is.
pub(crate) const GATEWAY: &str = "gateway";

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
    if std::env::var(SERVICE).is_ok_and(|name| name == GATEWAY) {
        return Some(ballet_gateway::main(std::env::args_os()));
    }
    service_of(&subject())
}
