//! The environment of one test on the servers.

mod clean_up;
pub(crate) mod database;
mod databases;
mod definitions;
mod import;
mod names;
mod reader;
mod template;
pub(crate) mod test_env;

pub use database::Database;
pub use reader::TableReader;
pub use test_env::TestEnv;
