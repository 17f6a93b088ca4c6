//! Terminal output: tables that fit, sagas as swim lanes, and progress. The operations of this crate use none of it: they
//! return what programs may print.

pub mod lanes;
pub mod picture;
mod progress;
pub mod table;
mod text;
pub mod ui;
mod wrap;

pub use progress::Progress;
pub use table::{Cell, Table};
pub use text::{columns, cut, plain};
