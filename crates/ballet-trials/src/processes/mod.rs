//! What a system runs as: the programs of its services, its gateway, and where they can be reached.

pub(crate) mod endpoints;
pub(crate) mod gateway;
pub(crate) mod program;
