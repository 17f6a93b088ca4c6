//! Whole sessions, and all their failure paths from docs/streaming/failure-paths.md.

mod away;
mod closures;
mod commutes;
mod paths;
mod sign_ups;
mod slots;
mod states;
mod trust;
mod withdrawals;
mod world;
