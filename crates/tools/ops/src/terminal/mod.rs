//! Terminal output: tables that fit, sagas as swim lanes, questions, and progress. Text is measured before it is
//! coloured. The operations of this crate use none of it: they return what programs may print.

pub mod lanes;
pub mod picture;
#[cfg(feature = "operations")]
mod progress;
mod question;
pub mod table;
mod text;
pub mod ui;
mod wrap;

#[cfg(feature = "operations")]
pub use progress::Progress;
pub use question::{ask, is_interactive};
pub use table::{Cell, Table};
pub use text::{columns, cut, plain};
