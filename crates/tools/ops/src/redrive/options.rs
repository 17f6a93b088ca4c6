//! The options of operations on dead letters.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::note::Note;

/// Becomes true to end an operation early. No message is lost.
pub type Stop = watch::Receiver<bool>;

/// Waits for ever if the sender is gone.
pub(crate) async fn stopped(stop: &mut Stop) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Called with the number of dead letters that are done.
pub type Progress<'a> = &'a (dyn Fn(u64) + Send + Sync);

/// The options of sending back, editing or discarding dead letters.
pub struct RedriveOptions<'a> {
    /// The note of who acts, when and why.
    pub note: Note,
    /// The new id that marks the messages of this run.
    pub run_id: Uuid,
    /// The maximum number of messages to send per second. There is no limit by default.
    pub rate: Option<u32>,
    /// Whether to send dead letters that the inbox has forgotten. See
    /// [`DeadLetterPlan::beyond_memory`](crate::redrive::DeadLetterPlan::beyond_memory).
    pub beyond_memory: bool,
    /// Ends the run early.
    pub stop: Stop,
    /// Called after each dead letter.
    pub progress: Progress<'a>,
}

impl RedriveOptions<'_> {
    /// Returns the time between two messages.
    pub(crate) fn pace(&self) -> Duration {
        self.rate.map_or(Duration::ZERO, |rate| Duration::from_secs(1) / rate.max(1))
    }
}

#[cfg(test)]
impl RedriveOptions<'static> {
    pub(crate) fn plain() -> Self {
        let at = jiff::Timestamp::UNIX_EPOCH;
        Self {
            note: Note { by: "ada".to_owned(), why: None, at },
            run_id: Uuid::from_u128(7),
            rate: None,
            beyond_memory: false,
            stop: watch::channel(false).1,
            progress: &|_| {},
        }
    }
}

impl fmt::Debug for RedriveOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedriveOptions").field("note", &self.note).finish_non_exhaustive()
    }
}
