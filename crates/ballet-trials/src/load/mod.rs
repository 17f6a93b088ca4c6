//! The load: customers at a steady rate, the number that got through, and percentiles of their times.

#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod load;
pub(crate) mod percentile;
pub(crate) mod turnout;
