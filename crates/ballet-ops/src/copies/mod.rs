//! The copies that services keep of each other's entities: what is copied, whether a copy equals its
//! source, and how to bring one anew.

mod check;

pub use check::{Check, Difference, Kind, Report};
