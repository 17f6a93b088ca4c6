//! The messages that were handled, and those that failed.

pub mod failures;
pub mod messages;
