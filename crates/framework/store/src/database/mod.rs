//! A service's database as such: its servers, connections, time limits and clock, and the text that it takes.

pub mod clock;
pub mod connection;
pub mod home;
pub mod hosts;
mod primaries;
pub mod probe;
pub mod renewal;
pub(crate) mod stored_text;
