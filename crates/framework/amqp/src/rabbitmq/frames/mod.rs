//! The frames that the broker sends, before lapin parses them. lapin ends the connection at a
//! property that is not UTF-8, and parses headers recursively. Any producer could send either, so
//! both are taken out here, and described in a header.

mod content;
mod cursor;
mod delivery;
mod filter;
mod runtime;
mod stream;
mod table;
#[cfg(test)]
mod tests;

pub(super) use runtime::connect;
