//! Rides as a whole: its choreography, the [`audit`] of the rules between its services, and rides as the subject of
//! trials.

#![warn(missing_docs)]

pub mod audit;
pub mod load;
mod system;

pub use system::{contracts, documents, system};
