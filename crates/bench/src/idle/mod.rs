//! The cost of services that have nothing to do.

pub mod figures;
pub mod measure;
