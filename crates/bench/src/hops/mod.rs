//! One saga at a time, taken apart: the time of each part of a hop.

pub mod figures;
pub mod measure;
pub mod picture;
