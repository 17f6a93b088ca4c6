//! A saga as the journal tells it. There is no I/O here: whoever has read the journal brings its entries.

mod path;
mod rows;
mod seen;

pub use path::{PathStep, StepStanding, path};
pub use seen::{Entry, SeenSaga, What};
