//! The service on real servers, through its HTTP routes.

mod browse;
mod changes;
mod requests;
mod search;
mod sharing;
mod test_catalog;
