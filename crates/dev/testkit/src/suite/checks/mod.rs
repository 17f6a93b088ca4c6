//! The checks of the suite, one file for each kind of disturbance.

mod batches;
mod calls;
mod check;
mod neighbours;
mod once;
mod request;
pub(super) mod run;
mod undisturbed;
mod undo;
