//! The service on a real broker and a real database, through its HTTP routes.

mod browse;
mod changes;
mod requests;
mod search;
mod sharing;
mod start;
mod test_catalog;
