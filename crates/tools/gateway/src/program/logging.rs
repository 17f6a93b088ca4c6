//! The log: text on a terminal, JSON lines otherwise. A thread writes it, so that no request waits for its reader.

use std::io::{BufWriter, IsTerminal, stderr};

use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// With so many waiting lines nobody seems to read the log. Further ones are lost.
const WAITING_LINES: usize = 8192;

/// Written to its end when the guard is dropped.
///
/// # Errors
///
/// The mistake in the filter.
pub(crate) fn init(filter: &str) -> Result<WorkerGuard, String> {
    let targets: Targets = filter.parse().map_err(|_| {
        format!("LOG: {filter:?} is not understood; expected a list like info,access=off")
    })?;
    let lines = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES);
    let (lines, guard) = lines.thread_name("log").finish(BufWriter::new(stderr()));
    let layer = fmt::layer().with_ansi(stderr().is_terminal()).with_writer(lines);
    let layer = if stderr().is_terminal() {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).boxed()
    };
    let set = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
    set.map_err(|error| error.to_string())?;
    Ok(guard)
}
