//! A service whose database was restored from a backup, while the broker and the other services went on.
//!
//! It gets the events that it missed again from the journal ([`crate::missed`]). It may act on them otherwise than
//! before, and other services receive both outcomes. [`compare()`] finds the differences.

mod compare;
mod postponed_events;

pub(crate) use compare::in_ledger;
pub use compare::{ON_ITS_WAY, RestoreComparison, SagaDifference, compare};
pub use postponed_events::{after_the_beginning, held_back};
