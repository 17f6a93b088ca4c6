//! The service on real servers: events go in, recommendations come out.

mod counts;
mod structure;
mod test_recommendations;
