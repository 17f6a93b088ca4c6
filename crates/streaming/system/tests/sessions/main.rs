//! Whole sessions, end to end, and every way in which they fail: docs/streaming/failure-paths.md has the rows.

mod away;
mod closures;
mod paths;
mod routes;
mod slots;
mod titles;
mod withdrawals;
mod world;
