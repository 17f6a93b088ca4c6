//! How the readers of a process do, for readiness and for what waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::engine::stopping::stopped;

/// After this long without success a reader stands still.
const STANDS_STILL: Duration = Duration::from_secs(30);

pub(crate) fn name_of(reader: &str, stream: &str) -> String {
    format!("{reader} of {stream}")
}

pub(crate) async fn all_are_followed(readers: Option<Arc<ReaderStates>>) {
    let Some(readers) = readers else { return };
    // The sender is here, so it does not close.
    drop(readers.behind.subscribe().wait_for(|behind| *behind == 0).await);
}

/// Begins this work once the process follows all its streams, since a step may ask for what it
/// follows. It also begins when the service stops, and ends itself.
pub(crate) async fn once_all_are_followed(
    readers: Option<Arc<ReaderStates>>,
    mut stopping: watch::Receiver<bool>,
    work: impl Future<Output = ()>,
) {
    tokio::select! {
        () = all_are_followed(readers) => {}
        () = stopped(&mut stopping) => {}
    }
    work.await;
}

/// The readers that fail, and how many streams are not followed to their ends yet.
#[derive(Debug)]
pub(crate) struct ReaderStates {
    failing: Mutex<BTreeMap<String, FailingReader>>,
    behind: watch::Sender<usize>,
}

#[derive(Debug)]
struct FailingReader {
    since: Instant,
    why: String,
    /// Whether it could not write what it has received. Then it has not gone on before it writes.
    to_write: bool,
}

impl ReaderStates {
    /// The states when `behind` streams are to be followed to their ends.
    pub(crate) fn new(behind: usize) -> Self {
        Self { failing: Mutex::default(), behind: watch::Sender::new(behind) }
    }

    /// One more stream is followed to its end.
    pub(crate) fn is_followed(&self) {
        self.behind.send_modify(|behind| *behind = behind.saturating_sub(1));
    }

    /// A reader, or its stream, has failed. The time counts from the first failure without a success.
    pub(crate) fn fails(&self, what: &str, why: &str) {
        self.note(what, why, false);
    }

    pub(crate) fn fails_to_write(&self, what: &str, why: &str) {
        self.note(what, why, true);
    }

    fn note(&self, what: &str, why: &str, to_write: bool) {
        let mut failing = self.failing();
        let new = || FailingReader { since: Instant::now(), why: String::new(), to_write };
        let known = failing.entry(what.to_owned()).or_insert_with(new);
        why.clone_into(&mut known.why);
        known.to_write |= to_write;
    }

    /// A reader receives its stream again. Its next batch shows whether it can write.
    pub(crate) fn receives(&self, what: &str) {
        let mut failing = self.failing();
        if failing.get(what).is_some_and(|known| !known.to_write) {
            failing.remove(what);
        }
    }

    /// A reader, or its stream, has gone on, or is another process's business now.
    pub(crate) fn works(&self, what: &str) {
        self.failing().remove(what);
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<String, FailingReader>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reader that has stood still for longest, and why; or what is not followed to its end
    /// yet.
    pub(crate) fn stands_still(&self) -> Option<String> {
        self.fails_for_long().or_else(|| match *self.behind.borrow() {
            0 => None,
            behind => Some(format!("{behind} streams are not followed to their ends yet")),
        })
    }

    fn fails_for_long(&self) -> Option<String> {
        let failing = self.failing();
        let (what, FailingReader { since, why, .. }) =
            failing.iter().min_by_key(|(_, failing)| failing.since)?;
        let lasts = since.elapsed();
        (lasts > STANDS_STILL)
            .then(|| format!("{what} stands still for {} s: {why}", lasts.as_secs()))
    }
}
