//! The lines of the log on their way out. A thread writes them, so that no request waits for a reader of the log.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

use crate::gate::exchange::ACCESS;

/// The time that a line of the access log waits for others.
const PAUSE: Duration = Duration::from_millis(100);
/// The waiting bytes at which the thread waits for no more lines.
const ENOUGH: usize = 64 * 1024;
/// The waiting bytes at which nobody seems to read the log. Further lines are lost, and counted.
const MOST: usize = 4 * 1024 * 1024;
/// The time that the end of the program waits for a reader of the log.
const PATIENCE: Duration = Duration::from_secs(1);

/// The lines that are not yet written.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogLines(Arc<SharedBuffer>);

#[derive(Debug, Default)]
struct SharedBuffer {
    waiting: Mutex<LineBuffer>,
    /// Wakes the thread, and callers that wait for it.
    changed: Condvar,
}

#[derive(Debug, Default)]
struct LineBuffer {
    bytes: Vec<u8>,
    is_urgent: bool,
    is_writing: bool,
}

impl SharedBuffer {
    fn waiting(&self) -> MutexGuard<'_, LineBuffer> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, line: &[u8], is_urgent: bool) {
        let mut waiting = self.waiting();
        if waiting.bytes.len() + line.len() > MOST {
            drop(waiting);
            metrics::counter!("gateway_log_lines_lost_total").increment(1);
            return;
        }
        let before = waiting.bytes.len();
        waiting.bytes.extend_from_slice(line);
        waiting.is_urgent |= is_urgent;
        let is_enough = before < ENOUGH && waiting.bytes.len() >= ENOUGH;
        drop(waiting);
        // Each wake-up costs a system call.
        if before == 0 || is_urgent || is_enough {
            self.changed.notify_all();
        }
    }

    /// Waits for lines, and takes all of them. Further ones go to `empty`.
    fn take(&self, empty: Vec<u8>) -> Vec<u8> {
        let nothing = |waiting: &mut LineBuffer| waiting.bytes.is_empty();
        let waiting = self.changed.wait_while(self.waiting(), nothing);
        let waiting = waiting.unwrap_or_else(PoisonError::into_inner);
        let few = |waiting: &mut LineBuffer| !waiting.is_urgent && waiting.bytes.len() < ENOUGH;
        let waited = self.changed.wait_timeout_while(waiting, PAUSE, few);
        let (mut waiting, _) = waited.unwrap_or_else(PoisonError::into_inner);
        (waiting.is_urgent, waiting.is_writing) = (false, true);
        std::mem::replace(&mut waiting.bytes, empty)
    }
}

impl LogLines {
    /// Starts writing lines in the background.
    ///
    /// # Errors
    ///
    /// If no more threads can be started.
    pub(crate) fn start(mut to: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self::default();
        let shared = Arc::clone(&lines.0);
        thread::Builder::new().name("log".to_owned()).spawn(move || {
            let mut bytes = Vec::new();
            loop {
                bytes = shared.take(bytes);
                // There is nobody to report an error to.
                let _lost = to.write_all(&bytes);
                bytes.clear();
                // Frees the memory of a burst.
                bytes.shrink_to(2 * ENOUGH);
                shared.waiting().is_writing = false;
                shared.changed.notify_all();
            }
        })?;
        Ok(lines)
    }

    /// Waits until all lines are written, for a second at most.
    pub(crate) fn finish(&self) {
        let mut waiting = self.0.waiting();
        waiting.is_urgent = true;
        self.0.changed.notify_all();
        let left = |waiting: &mut LineBuffer| !waiting.bytes.is_empty() || waiting.is_writing;
        drop(self.0.changed.wait_timeout_while(waiting, PATIENCE, left));
    }
}

/// Adds the lines of one event.
#[derive(Debug)]
pub(crate) struct EventWriter<'a> {
    lines: &'a SharedBuffer,
    is_urgent: bool,
}

impl Write for EventWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lines.add(bytes, self.is_urgent);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogLines {
    type Writer = EventWriter<'a>;

    fn make_writer(&'a self) -> EventWriter<'a> {
        EventWriter { lines: &self.0, is_urgent: true }
    }

    fn make_writer_for(&'a self, of: &Metadata<'_>) -> EventWriter<'a> {
        EventWriter { lines: &self.0, is_urgent: of.target() != ACCESS }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Records what is written, once it is asked to.
    struct LogReader {
        said: mpsc::Sender<Vec<u8>>,
        reads: mpsc::Receiver<()>,
    }

    impl Write for LogReader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.reads.recv().map_err(io::Error::other)?;
            self.said.send(bytes.to_vec()).map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_go_out_together_in_order_and_nobody_waits_for_a_reader_that_hangs() {
        let (said, saying) = mpsc::channel();
        let (go_on, reads) = mpsc::channel();
        let lines = LogLines::start(LogReader { said, reads }).unwrap();
        let add = |line: &[u8], is_urgent| lines.0.add(line, is_urgent);
        add(b"one\n", true);
        go_on.send(()).unwrap();
        assert_eq!(saying.recv().unwrap(), b"one\n");
        // From here on nobody reads.
        add(b"two\n", true);
        while !lines.0.waiting().bytes.is_empty() {
            thread::yield_now();
        }
        let long = [b'x'; 1024];
        for _ in 0..2 * MOST / long.len() {
            add(&long, false);
        }
        assert!(lines.0.waiting().bytes.len() <= MOST);
        go_on.send(()).unwrap();
        assert_eq!(&saying.recv().unwrap()[..4], b"two\n");
        let all = thread::spawn({
            let lines = lines.clone();
            move || lines.finish()
        });
        go_on.send(()).unwrap();
        assert!(saying.recv().unwrap().len() > MOST - 2 * long.len());
        all.join().unwrap();
        assert!(lines.0.waiting().bytes.is_empty());
    }
}
