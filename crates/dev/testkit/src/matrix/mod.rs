//! The commutation matrix: whether the steps of a service disturb those of other sagas.
//!
//! Sagas are not isolated. Between a step and its undo, steps of other sagas work on the same rows. For each pair of
//! steps and projections of a service, of two sagas, the matrix tries on a real database:
//!
//! - the step, the other one, the step's undo: this must leave what the other one alone leaves, but for the rows that
//!   name the step's saga, and the other one must say what it says alone;
//! - both in either order: a row that both change must be the same;
//! - both at once in two transactions: they must leave what they leave one after the other.
//!
//! And for each step alone: its undo leaves no row as the step made it, a refusal after a call leaves nothing, a step
//! does not block its lane, and another one between a call and its answer loses nothing.
//!
//! Events come from their schemas, or from a file of `ballet record`; rows from the tables and their constraints;
//! answers from their types; copies are fed with their events. So nothing is declared. A step that takes none of them
//! is not tried, and neither is one that a request begins. [`Matrix`] says it, pair by pair, and fails if less than half
//! of the steps could be tried.
//!
//! ```no_run
//! # mod shop { pub fn service() -> ballet::Service { unimplemented!() } }
//! ballet_testkit::commutes!(shop::service());
//! # fn main() {}
//! ```
//!
//! With a recording: `commutes!(shop::service(), recording = "tests/shop.jsonl")`. What is accepted follows, each with
//! a reason: `accepted("count", "count") = "an estimate"`; the other one is `"all"` for a step that is not tried.

mod answers;
pub(crate) mod cell;
#[expect(clippy::module_inception, reason = "the folder is the matrix, the file is its type")]
mod matrix;
mod pair;
mod recorded;
mod rig;
mod runner;
mod setup;
mod tables;
mod values;

pub use cell::{Cell, Verdict};
pub use matrix::{Known, Matrix};

/// Declares the test that a service's steps commute. What is accepted follows the service, each with a reason.
#[macro_export]
macro_rules! commutes {
    (
        $service:expr
        $(, recording = $recording:expr)?
        $(, accepted($step:literal, $other:literal) = $reason:literal)*
        $(,)?
    ) => {
        #[test]
        fn commutes() {
            let recordings: &[&str] = &[$($recording)?];
            let matrix = $crate::matrix::Matrix::of($service, recordings);
            println!("{matrix}");
            matrix.check(&[$($crate::matrix::Known::accepted($step, $other, $reason)),*]);
        }
    };
}
