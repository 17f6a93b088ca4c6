//! The records of interventions by operators.

pub mod change;
pub mod interventions;
pub mod paused;
pub mod restored;
pub mod solved;
pub mod stopped;
