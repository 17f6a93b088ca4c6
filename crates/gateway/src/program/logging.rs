//! The log: text for people on a terminal, JSON lines otherwise.

use std::io::{IsTerminal, stderr};

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::program::access_lines::AccessLines;
use crate::program::lines::LogLines;

/// Starts the log. Its lines have to be [finished](LogLines::finish) at the end of the program.
///
/// # Errors
///
/// The mistake in the filter.
pub(crate) fn init(filter: &str) -> Result<LogLines, String> {
    let targets: Targets = filter.parse().map_err(|_| {
        format!("LOG: {filter:?} is not understood; expected a list like info,access=off")
    })?;
    let lines =
        LogLines::start(stderr()).map_err(|error| format!("no thread for the log: {error}"))?;
    let layer = fmt::layer().with_ansi(stderr().is_terminal()).with_writer(lines.clone());
    let layer = if stderr().is_terminal() {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).map_event_format(AccessLines).boxed()
    };
    let set = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
    set.map_err(|error| error.to_string())?;
    Ok(lines)
}
