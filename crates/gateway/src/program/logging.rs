//! The log: text for people on a terminal, JSON lines otherwise. `access` is the access log.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// # Errors
///
/// What is wrong with the filter.
pub(crate) fn init(filter: &str) -> Result<(), String> {
    let targets: Targets = filter.parse().map_err(|_| {
        format!("LOG: {filter:?} is not understood; expected a list like info,access=off")
    })?;
    let layer = if stderr().is_terminal() {
        fmt::layer().with_writer(stderr).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    let set = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
    set.map_err(|error| error.to_string())
}
