//! What one test has to itself on the servers.

mod administrators;
mod clean_up;
pub(crate) mod database;
mod databases;
mod definitions;
mod idle_sessions;
mod import;
mod names;
mod prepared;
mod reader;
pub(crate) mod test_env;

pub use database::Database;
pub use idle_sessions::IdleSessions;
pub use reader::Reader;
pub use test_env::TestEnv;
