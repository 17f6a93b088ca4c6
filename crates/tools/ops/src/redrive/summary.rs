//! The result of an operation on dead letters.

use ballet_core::MessageId;
use ballet_store::inbox::failures;
use ballet_store::operators::interventions::{Act, TouchedMessage, insert};
use sqlx::PgConnection;

use crate::note::Note;
use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;

const MOST_FAILURES: usize = 20;
/// The number of notes in one statement.
const PORTION: usize = 1_000;

/// The result of an operation on dead letters.
#[derive(Debug, Default)]
pub struct Summary {
    /// The number of dead letters removed from the queue.
    pub removed: u64,
    /// The number of dead letters that stay, because the broker did not accept their replacements.
    pub failed: u64,
    /// The first of these ids, each with the reason.
    pub failures: Vec<(String, String)>,
    /// The messages that will not come again: discarded, or sent under a new id. [`settle`](Self::settle) tells the
    /// database.
    pub retired: Vec<TouchedMessage>,
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
            self.retired.push(dead_letter.touched());
        }
        (options.progress)(self.removed);
    }

    /// Tells the database of the service: messages that will not come again leave the list of failures. If they were
    /// discarded, this notes by whom, so that an audit knows why a saga misses one.
    ///
    /// # Errors
    ///
    /// If the database does not answer. The acts have taken effect, and the journal has a note of each.
    pub async fn settle(
        &self,
        db: &mut PgConnection,
        discarded: Option<&Note>,
    ) -> Result<(), sqlx::Error> {
        if let Some(note) = discarded {
            for portion in self.retired.chunks(PORTION) {
                insert(&mut *db, note.of(Act::Discarded), portion).await?;
            }
        }
        let ids: Vec<MessageId> =
            self.retired.iter().map(|retired| MessageId(retired.message_id)).collect();
        failures::forget(db, &ids).await.map(drop)
    }

    pub(crate) fn add_failed(&mut self, id: MessageId, reason: String) {
        self.failed += 1;
        if self.failures.len() < MOST_FAILURES {
            self.failures.push((id.to_string(), reason));
        }
    }
}
