//! What a gateway and services share of HTTP: signatures by secrets that both sides know, the headers that name a caller,
//! the schema of errors, limits on what a client may do, and connections from outside with their bounds. These are the
//! number of connections, the time of a connection without a request, the time in which a client takes nothing of its
//! answer, and the rest of a body that is read and thrown away.

#![warn(missing_docs)]

pub mod accepting;
pub mod departure;
pub mod head_timer;
pub mod holding_body;
pub mod identity;
mod idle;
pub mod limits;
pub mod lingering_body;
pub mod patient_stream;
pub mod peers;
pub mod problem;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod serving;
pub mod signature;
