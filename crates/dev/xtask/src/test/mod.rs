//! All tests against one set of servers.

mod alone;
mod meter;
mod one_program;
mod programs;
mod run;
mod side_by_side;

pub(crate) use run::run;
