//! The implementation of the session interface, through lapin.

pub(crate) mod address;
pub(crate) mod broker;
mod confirms;
mod frames;
mod header_limits;
pub(crate) mod management;
mod session;
mod translate;
