//! The items that the copy of a queue returns.

use ballet_amqp::BrokerError;

use crate::record::Record;

/// An item that the copy of a queue returns.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "nearly all are records")]
pub enum CopyItem {
    /// The next message.
    Record(Record),
    /// This many messages were dropped here, because the reader is slow.
    Dropped(u64),
    /// The broker may have dropped messages here, because this program read too slowly. It does not tell how many.
    MayBeDropped,
    /// The connection is lost, and the copy with it. A new copy follows.
    Lost(BrokerError),
    /// A new copy exists. Messages from the time between are in none.
    Back,
}
