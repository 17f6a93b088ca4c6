//! The service on a real broker and a real database: events go in, recommendations come out.

mod counts;
mod structure;
mod test_recommendations;
