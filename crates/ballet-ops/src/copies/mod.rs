//! Compares the copies that services keep of each other's entities with their sources.

mod check;

pub use check::{CopyCheck, CopyComparison, CopyDifference, CopyDifferenceKind};
