//! The load: customers at a steady rate, and the number that got through.

#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod load;
pub(crate) mod turnout;
