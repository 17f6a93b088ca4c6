//! HTTP connections from outside, and their bounds: their number, the time of a connection without a request, the time
//! in which a client takes nothing of its answer, and the rest of a body that is read and thrown away.

#![warn(missing_docs)]

pub mod accepting;
pub mod head_timer;
pub mod holding_body;
mod idle;
pub mod lingering_body;
pub mod patient_stream;
pub mod serving;
