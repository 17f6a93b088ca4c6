//! The workspace's files agree with each other.

mod compose;
mod containers;
mod files;
mod schemas;
mod search;
