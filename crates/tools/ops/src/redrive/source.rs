//! The source of a run's messages.

use std::sync::Arc;
use std::time::Duration;

use ballet_amqp::Session;

use crate::redrive::error::RedriveError;
use crate::redrive::reader::LetterReading;

/// RabbitMQ closes a channel whose message is unacknowledged for 30 minutes.
pub(crate) const LONGEST_PASS: Duration = Duration::from_secs(10 * 60);

/// A source of messages, which may be read several times.
pub(crate) trait MessageSource: Sync {
    fn service(&self) -> &str;

    fn connect(&self) -> impl Future<Output = Result<Arc<dyn Session>, RedriveError>> + Send;

    /// Fails if there is nothing to read from.
    fn check(&self, session: &dyn Session)
    -> impl Future<Output = Result<(), RedriveError>> + Send;

    /// Returns the maximum time of a pass that holds messages. The next pass reads from the beginning.
    fn longest_pass(&self) -> Option<Duration> {
        Some(LONGEST_PASS)
    }

    fn read(&self) -> LetterReading;

    /// Waits until messages that were read and left can be read again.
    fn wait_until_returned(
        &self,
        left: u64,
    ) -> impl Future<Output = Result<(), RedriveError>> + Send;

    /// Whether it holds more than the messages that were left: new ones, or some whose removal was lost.
    fn holds_more_than(&self, left: u64)
    -> impl Future<Output = Result<bool, RedriveError>> + Send;
}
