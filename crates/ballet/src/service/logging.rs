//! Logs: text for people on a terminal, JSON lines otherwise.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::service::settings::settings::LogFormat;

/// Sets the process's logging up; the second time it does nothing.
///
/// # Errors
///
/// What is wrong with the filter.
pub(crate) fn init(filter: &str, format: LogFormat) -> Result<(), String> {
    let filter: Targets = filter
        .parse()
        .map_err(|error| format!("LOG: {filter:?} is no level and no list of them: {error}"))?;
    let text = match format {
        LogFormat::Auto => stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = if text {
        fmt::layer().with_writer(stderr).with_ansi(stderr().is_terminal()).boxed()
    } else {
        fmt::layer().json().flatten_event(true).with_writer(stderr).boxed()
    };
    // A test that starts several services in one process has one log.
    let _already_set = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    Ok(())
}
