//! One saga at a time, taken apart: where the time of a hop goes.

pub mod figures;
pub mod measure;
pub mod picture;
