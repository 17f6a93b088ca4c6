//! The contract of loyalty, whatever language it is written in.

use std::path::Path;

use ballet_testkit::participant::Contract;

/// The file is also for `ballet participant try`. Its part is from the contract that was written by hand.
const CASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../python-loyalty/participant.json");

/// Returns an order of 25 euros for a customer of its own, and its points.
pub(crate) fn in_python() -> Contract {
    Contract::read(Path::new(CASE)).expect("a contract")
}
