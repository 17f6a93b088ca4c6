//! Whole sessions, end to end, and all their failure paths, which docs/streaming/failure-paths.md lists.

mod away;
mod clocks;
mod closures;
mod paths;
mod sign_ups;
mod slots;
mod states;
mod trust;
mod withdrawals;
mod world;
