//! The gateway's database.

pub(crate) mod database;
pub(crate) mod idempotent_requests;
