//! The messages that were handled, and those that failed.

pub mod backlog;
pub mod failures;
pub mod messages;
pub mod stuck;
