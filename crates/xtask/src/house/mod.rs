//! The structure of our crates: the imports between files, and the rules for them.
//!
//! Every import and every path in the code is followed to the file that defines the name; so are paths in the arguments
//! of macros and attributes. Methods that are called on a value, the expansions of macros, and links in comments are
//! not seen. Code that is only compiled for tests is left out.

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
