//! The systems of the project, which the trials are for.

use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use ballet_trials::{SERVICE, Subject, served as service_of};
use shop_load::Shop;

/// The gateway's name in the variable that says what this process is.
pub(crate) const GATEWAY: &str = "gateway";

/// The services of the shop.
pub(crate) static SERVICES: LazyLock<Vec<&'static str>> = LazyLock::new(|| shop().services());

/// The shop.
pub(crate) fn shop() -> Arc<Subject> {
    Subject::new(Shop::default())
}

/// Runs what this process is, if it is one of a trial.
pub(crate) fn served() -> Option<ExitCode> {
    if std::env::var(SERVICE).is_ok_and(|name| name == GATEWAY) {
        return Some(ballet_gateway::main(std::env::args_os()));
    }
    service_of(&shop())
}
