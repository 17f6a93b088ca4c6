//! The table of calls to the outside.

pub mod claims;
pub mod key;
pub mod open;
pub mod stored;
