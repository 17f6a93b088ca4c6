//! The agreement of the workspace's files with each other.

mod compose;
mod containers;
mod files;
mod search;
