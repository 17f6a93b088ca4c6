//! Bulk steps do what ordinary steps do, many at a time.

mod failures;
mod hall;
mod rows;
mod same;
mod stage;
pub(crate) mod together;
