//! Rides as a whole: its choreography, read from the declarations of its services, the [`audit`] of the rules
//! between them, and rides as the subject of trials.

#![warn(missing_docs)]

pub mod audit;
pub mod load;
mod system;

pub use system::{contracts, documents, system};
