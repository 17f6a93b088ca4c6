//! The table of calls to the outside.

pub mod claims;
pub mod key;
pub mod stored;
