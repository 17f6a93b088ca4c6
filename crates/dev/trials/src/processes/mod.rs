//! The processes of a system: the programs of its services, its gateway, and their addresses.

pub(crate) mod endpoints;
pub(crate) mod gateway;
pub(crate) mod program;
