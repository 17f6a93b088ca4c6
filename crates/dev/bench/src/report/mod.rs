//! The measurements and their targets, and the results as tables and data.

pub mod groups;
pub mod outcome;
