//! The gateway beside nginx and beside a proxy of its own library without its layers.

pub mod figures;
pub mod http;
pub(crate) mod load;
pub mod measure;
pub(crate) mod proxies;
pub(crate) mod schedule;
