//! What customers do: cases, operations and requests, and how what they have begun must end.

pub(crate) mod begun;
pub(crate) mod case;
pub(crate) mod http;
pub(crate) mod operation;
pub(crate) mod placed;
