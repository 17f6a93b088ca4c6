//! What a gateway and services share of HTTP: signatures by shared secrets, the headers that name a
//! caller, the schema of errors, limits on what a client may do, and the bounds of connections from
//! outside.

#![warn(missing_docs)]

pub mod accepting;
pub mod departure;
pub mod identity;
pub mod limits;
pub mod lingering_body;
#[cfg(feature = "client")]
pub mod outside;
pub mod patient_stream;
pub mod peers;
pub mod problem;
pub mod prometheus;
#[cfg(feature = "client")]
pub mod proxy;
pub mod serving;
pub mod signature;
