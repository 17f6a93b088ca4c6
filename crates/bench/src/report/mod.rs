//! What is measured and what must be reached, and the results as tables, data and plots.

pub mod groups;
pub mod outcome;
pub mod plot;
