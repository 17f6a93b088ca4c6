//! The log of the test's own process, which a test can search.

use std::io;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::{MakeWriter, layer};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

static LOGGED: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn logged() -> MutexGuard<'static, Vec<u8>> {
    LOGGED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the log since [`log_here`], from level `debug` up.
#[must_use]
pub fn text() -> String {
    String::from_utf8_lossy(&logged()).into_owned()
}

/// Starts to record the log of this process. Warnings are shown when the test fails, as in a
/// [`TestSystem`](crate::TestSystem).
///
/// # Panics
///
/// If the process has another subscriber.
pub fn log_here() {
    static BEGUN: Once = Once::new();
    BEGUN.call_once(|| {
        let shown = layer().with_test_writer().without_time().with_ansi(false);
        let kept = layer().with_ansi(false).with_writer(LogWriter);
        registry()
            .with(shown.with_filter(LevelFilter::WARN))
            .with(kept.with_filter(LevelFilter::DEBUG))
            .try_init()
            .expect("nobody else logs here");
    });
}

struct LogWriter;

impl io::Write for LogWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        logged().write(text)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for LogWriter {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        Self
    }
}
