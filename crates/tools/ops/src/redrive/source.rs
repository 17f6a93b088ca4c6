//! The source of a run's messages.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Session;

use crate::redrive::error::RedriveError;
use crate::redrive::reader::LetterReading;

/// The longest time that a dead letter is held. RabbitMQ closes a channel whose message is unacknowledged for 30
/// minutes.
pub(crate) const LONGEST_PASS: Duration = Duration::from_secs(10 * 60);

/// The source of a run's messages. A run may begin to read several times.
pub(crate) trait MessageSource: Sync {
    /// Returns the service whose messages they are.
    fn service(&self) -> &str;

    /// Connects to the broker.
    fn connect(&self) -> impl Future<Output = Result<Arc<dyn Session>, RedriveError>> + Send;

    /// Fails if there is nothing to read from.
    fn check(&self, session: &dyn Session)
    -> impl Future<Output = Result<(), RedriveError>> + Send;

    /// Returns the longest time of one pass, if a pass holds messages. Another pass follows, and begins to read again.
    fn longest_pass(&self) -> Option<Duration> {
        Some(LONGEST_PASS)
    }

    /// Begins to read.
    fn read(&self) -> LetterReading;

    /// Waits until the messages that were read and stay can be read again.
    fn wait_until_returned(
        &self,
        left: u64,
    ) -> impl Future<Output = Result<(), RedriveError>> + Send;

    /// Whether it holds more than the messages that were read and stay: new ones, or some whose removal was lost.
    fn holds_more_than(&self, left: u64)
    -> impl Future<Output = Result<bool, RedriveError>> + Send;
}
