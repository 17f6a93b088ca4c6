//! Whether everything that one JSON schema lets a writer write fits another schema that a reader reads.
//! This is the one comparison of bodies: the check of a system and the difference of two systems use it.

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
