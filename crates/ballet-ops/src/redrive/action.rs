//! What a pass does with the dead letters that it reads.

use ballet_amqp::Publish;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::summary::Summary;

/// What a pass does with the dead letters that it reads.
pub(crate) trait Action: Send {
    /// The messages that replace this dead letter; `None` leaves it in the queue.
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>>;

    /// What has come of it so far.
    fn summary(&mut self) -> &mut Summary;

    /// Whether the id of a dead letter that is removed will not come again.
    fn retires(&self, _dead_letter: &DeadLetter) -> bool {
        false
    }

    /// Stores the dead letter elsewhere before it is removed.
    fn archive(&mut self, _dead_letter: &DeadLetter) -> Result<(), RedriveError> {
        Ok(())
    }

    /// Makes everything archived so far durable.
    fn sync_archive(&mut self) -> Result<(), RedriveError> {
        Ok(())
    }

    /// Is called for each dead letter that is removed, before it is counted.
    fn on_removal(&mut self, _dead_letter: &DeadLetter) {}

    /// The same for each that stays.
    fn on_failure(&mut self, _dead_letter: &DeadLetter) {}

    /// The dead letter is removed from the queue.
    fn removed(&mut self, dead_letter: &DeadLetter, options: &RedriveOptions<'_>) {
        self.on_removal(dead_letter);
        let retires = self.retires(dead_letter);
        self.summary().add_removed(dead_letter, retires, options);
    }

    /// The dead letter stays, because the broker did not accept its replacement.
    fn failed(&mut self, dead_letter: &DeadLetter, reason: String) {
        self.on_failure(dead_letter);
        self.summary().add_failed(dead_letter.id.to_string(), reason);
    }
}
