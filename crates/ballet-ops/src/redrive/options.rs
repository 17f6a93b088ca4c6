//! How dead letters are sent back, edited or discarded.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::note::Note;

/// Becomes true to end an operation early. Nothing is lost by that.
pub type Stop = watch::Receiver<bool>;

/// Waits for a stop, for ever if nobody can ask for one any more.
pub(crate) async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Is called with the number of dead letters that are done.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// Is called with each dead letter that is done.
pub type Each<'a> = &'a (dyn Fn(&DeadLetter) + Send + Sync);

/// How dead letters are sent back, edited or discarded.
pub struct RedriveOptions<'a> {
    /// Who acts, when and why.
    pub note: Note,
    /// A new id. It marks the messages that this run sends.
    pub run_id: Uuid,
    /// The most messages to send per second. There is no limit by default.
    pub rate: Option<u32>,
    /// Whether to send the dead letters that the inbox has forgotten, too. See
    /// [`Plan::beyond_memory`](crate::redrive::Plan::beyond_memory).
    pub beyond_memory: bool,
    /// Ends the run early.
    pub stop: Stop,
    /// Is called after each dead letter.
    pub progress: Progress<'a>,
    /// Is called with each dead letter that is done.
    pub each: Each<'a>,
}

impl RedriveOptions<'_> {
    /// The time between two messages.
    pub(crate) fn pace(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1))
    }
}

#[cfg(test)]
impl RedriveOptions<'static> {
    /// Of a test, which asks nothing of them.
    pub(crate) fn plain() -> Self {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Self {
            note: Note { by: "ada".to_owned(), why: None, at },
            run_id: Uuid::from_u128(7),
            rate: None,
            beyond_memory: false,
            stop: watch::channel(false).1,
            progress: &|_| {},
            each: &|_| {},
        }
    }
}

impl fmt::Debug for RedriveOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedriveOptions").field("note", &self.note).finish_non_exhaustive()
    }
}
