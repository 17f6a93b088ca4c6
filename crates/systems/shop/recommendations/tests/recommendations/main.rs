//! The service on real servers: events go in, recommendations come out.

mod learning;
mod test_recommendations;
