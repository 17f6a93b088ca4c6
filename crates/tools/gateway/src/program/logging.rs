//! The log: text on a terminal, JSON lines otherwise. A thread writes it, so that no request waits for its reader.

use std::io::{BufWriter, IsTerminal, Write, stderr};

use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

/// With so many waiting lines nobody seems to read the log. Further ones are lost, and counted.
const WAITING_LINES: usize = 8192;

/// Written to its end when the guard is dropped. The counter has the lost lines.
///
/// # Errors
///
/// The mistake in the filter.
pub(crate) fn init(filter: &str) -> Result<(WorkerGuard, ErrorCounter), String> {
    let targets: Targets = filter.parse().map_err(|_| {
        format!("LOG: {filter:?} is not understood; expected a list like info,access=off")
    })?;
    let (lines, guard) = written_by_a_thread(stderr());
    let lost = lines.error_counter();
    let layer = fmt::layer().with_ansi(stderr().is_terminal()).with_writer(lines);
    let layer = if stderr().is_terminal() {
        layer.boxed()
    } else {
        layer.json().flatten_event(true).boxed()
    };
    let set = tracing_subscriber::registry().with(layer.with_filter(targets)).try_init();
    set.map_err(|error| error.to_string())?;
    Ok((guard, lost))
}

fn written_by_a_thread(to: impl Write + Send + 'static) -> (NonBlocking, WorkerGuard) {
    let lines = NonBlockingBuilder::default().buffered_lines_limit(WAITING_LINES);
    lines.thread_name("log").finish(BufWriter::new(to))
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Reads nothing until its other end is dropped.
    struct HangingReader(Receiver<()>);

    impl Write for HangingReader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _dropped = self.0.recv();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_hangs_and_lines_beyond_a_bound_are_counted() {
        let (reads, hangs) = channel();
        let (mut lines, guard) = written_by_a_thread(HangingReader(hangs));
        // Too long for the buffer of the thread, which now hangs.
        lines.write_all(&[b'x'; 64 * 1024]).unwrap();
        for _ in 0..WAITING_LINES + 10 {
            lines.write_all(b"y\n").unwrap();
        }
        // The thread takes the first line.
        let lost = lines.error_counter().dropped_lines();
        assert!((10..=11).contains(&lost), "{lost}");
        drop(reads);
        drop(guard);
    }
}
