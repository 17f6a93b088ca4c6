//! The structure of our crates: what imports what, and the rules for that.
//!
//! Every import and every path in the code is followed to the file that defines the name; also
//! paths in the arguments of macros and attributes. Not seen are methods that are called on a value,
//! what a macro expands to beyond its own text, and links in comments. Code that is compiled for
//! tests only is left out.

mod arrows;
mod command;
mod disk;
mod finding;
mod graph;
mod judge;
mod read;
mod resolve;
mod rules;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use command::{Args, run};
