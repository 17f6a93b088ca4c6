//! The service on real servers, through its HTTP routes.

mod products;
mod requests;
mod sharing;
mod test_catalog;
