//! Compares two JSON schemas: does all that the writer may write fit the reader? The check of a system and the
//! difference of two use this.

mod alternatives;
mod compare;
mod keywords;
mod mismatch;
mod range;
mod schema_part;
#[cfg(test)]
mod tests;

pub(crate) use compare::{Doubt, mismatches};
pub(crate) use mismatch::{Mismatch, MismatchKind};
pub(crate) use range::of_format;
pub(crate) use schema_part::{is_a, type_of, types, values};
