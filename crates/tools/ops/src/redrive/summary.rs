//! The result of an operation on dead letters.

use ballet_core::MessageId;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;

const MOST_FAILURES: usize = 20;

/// The result of an operation on dead letters.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of dead letters removed from the queue.
    pub removed: u64,
    /// The number of dead letters that stay, because the broker did not accept their replacements.
    pub failed: u64,
    /// The first of these ids, each with the reason.
    pub failures: Vec<(String, String)>,
    /// The ids that will not come again: discarded, or sent under a new id. Pass them to
    /// [`failures::forget`](ballet_store::inbox::failures::forget).
    pub retired: Vec<MessageId>,
    /// Whether the operation was stopped before its end.
    pub stopped: bool,
    /// The reason why the rest was left, if the broker failed on the way.
    pub error: Option<RedriveError>,
}

impl Summary {
    /// `retired` says that its id will not come again.
    pub(crate) fn add_removed(
        &mut self,
        dead_letter: &DeadLetter,
        retired: bool,
        options: &RedriveOptions<'_>,
    ) {
        self.removed += 1;
        if retired {
            self.retired.push(dead_letter.id);
        }
        (options.progress)(self.removed);
    }

    pub(crate) fn add_failed(&mut self, id: MessageId, reason: String) {
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push((id.to_string(), reason));
        }
    }
}
