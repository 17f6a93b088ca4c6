//! Compares two JSON schemas: does everything that the writer may write fit the reader? Both the check of a system
//! and the difference of two systems use this comparison.

mod compare;
mod keywords;
mod not_taken;
mod range;
mod side;
#[cfg(test)]
mod tests;
mod written;

pub(crate) use compare::{Doubt, not_taken};
pub(crate) use not_taken::{Kind, NotTaken};
pub(crate) use range::of_format;
pub(crate) use side::{types, values};
