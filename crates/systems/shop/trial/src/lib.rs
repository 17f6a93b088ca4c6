//! The shop as a whole: its choreography, the [`audit`] of the invariants between its services, and the shop as the
//! subject of trials.

#![warn(missing_docs)]

pub mod audit;
pub mod load;
mod system;

pub use system::{contracts, documents, graph, system};
