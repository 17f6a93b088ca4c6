//! The action of a pass on the dead letters that it reads.

use ballet_amqp::Publish;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;
use crate::redrive::options::RedriveOptions;
use crate::redrive::summary::Summary;

/// The action of a pass on the dead letters that it reads.
pub(crate) trait PassAction: Send {
    /// Returns the messages that replace this dead letter; `None` leaves it in the queue.
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>>;

    /// Returns the results so far.
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

    /// Called for each dead letter that is removed, before it is counted.
    fn on_removal(&mut self, _dead_letter: &DeadLetter) {}

    /// Counts a dead letter that was removed from the queue.
    fn removed(&mut self, dead_letter: &DeadLetter, options: &RedriveOptions<'_>) {
        self.on_removal(dead_letter);
        let retires = self.retires(dead_letter);
        self.summary().add_removed(dead_letter, retires, options);
    }

    /// Counts a dead letter that stays, because the broker did not accept its replacement.
    fn failed(&mut self, dead_letter: &DeadLetter, reason: String) {
        self.summary().add_failed(dead_letter.id.to_string(), reason);
    }
}
