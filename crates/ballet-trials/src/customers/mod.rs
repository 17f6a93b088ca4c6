//! The customers: cases, operations and requests, and the expected ends of their sagas.

pub(crate) mod begun;
pub(crate) mod case;
pub(crate) mod http;
pub(crate) mod operation;
pub(crate) mod placed;
