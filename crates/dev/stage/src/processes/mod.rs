//! Programs that run as processes of their own and end with this one.

pub(crate) mod cargo;
pub(crate) mod children;
pub(crate) mod service;
pub mod usage;
