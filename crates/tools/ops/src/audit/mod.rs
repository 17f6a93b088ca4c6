//! Audits the framework's own tables: the ledgers, outboxes, calls and deadlines of all services. A system audits its
//! business rows itself.
//!
//! Some rules hold at any moment: a step is not both done and refused. Others hold once a saga is quiescent: every
//! service has acted on every event that concerns it. While a message is on its way, a broken rule of the second kind
//! makes the saga open, and the report says what it waits for. An unavailable database is named, and the rest is
//! judged. An audit writes nothing and takes no locks.

mod auditor;
mod deadlines;
#[cfg(test)]
mod fixtures;
mod held_messages;
mod judge;
pub(crate) mod ledger;
mod published_events;
pub(crate) mod read;
mod report;
mod snapshot;
pub(crate) mod window;

pub use auditor::{audit, audit_with, not_handled};
pub use held_messages::{held_in, held_words, stay_held};
pub use published_events::{LedgerComparison, compare};
pub use report::{PartVerdict, Report, ReportPart};
pub use snapshot::{BrokerSnapshot, DeadLetterSnapshot};

pub use crate::databases::{connect, while_answering};
