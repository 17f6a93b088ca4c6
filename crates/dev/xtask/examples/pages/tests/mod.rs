//! The workspace's files agree with each other.

mod agents;
mod compose;
mod containers;
mod files;
mod schemas;
mod search;
