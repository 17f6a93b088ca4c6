//! What a pass does with the dead letters that it reads.

use ballet_amqp::Publish;

use crate::redrive::dead_letter::DeadLetter;
use crate::redrive::error::RedriveError;

/// What a pass does with the dead letters that it reads.
pub(crate) trait Action: Send {
    /// The messages that replace this dead letter; `None` leaves it in the queue.
    fn replacements(&mut self, dead_letter: &DeadLetter) -> Option<Vec<Publish>>;

    /// Stores the dead letter elsewhere before it is removed.
    fn archive(&mut self, _dead_letter: &DeadLetter) -> Result<(), RedriveError> {
        Ok(())
    }

    /// Makes everything archived so far durable.
    fn sync_archive(&mut self) -> Result<(), RedriveError> {
        Ok(())
    }

    /// The dead letter is removed from the queue.
    fn removed(&mut self, dead_letter: &DeadLetter);

    /// The dead letter stays, because the broker did not accept its replacement.
    fn failed(&mut self, dead_letter: &DeadLetter, reason: String);

    /// The number of dead letters removed so far.
    fn removed_count(&self) -> u64;
}
