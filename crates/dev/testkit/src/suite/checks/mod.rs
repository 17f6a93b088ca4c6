mod batches;
mod calls;
mod check;
mod neighbours;
mod once;
mod request;
pub(super) mod run;
mod undisturbed;
mod undo;
