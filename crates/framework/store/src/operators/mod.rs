//! The records of interventions by operators.

pub mod change;
pub mod compensations_by_hand;
pub mod interventions;
pub mod restored_database;
pub mod stopped_sagas;
