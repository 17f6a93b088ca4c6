//! The search for the nearest of a million drivers, while their positions come through the broker.

pub mod figures;
pub mod measure;
mod town;
