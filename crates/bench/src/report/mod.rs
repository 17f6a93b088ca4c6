//! What is measured and what must be reached, and the results as tables and data.

pub mod groups;
pub mod outcome;
