//! HTTP connections from outside, and their bounds: how many there are, how long one is without a request, how long a
//! client takes nothing of its answer, and how much is read of what nobody wants.

#![warn(missing_docs)]

pub mod accepting;
pub mod head_timer;
pub mod holding;
mod idle;
pub mod lingering;
pub mod patient;
pub mod serving;
