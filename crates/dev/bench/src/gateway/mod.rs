//! The gateway beside nginx.

pub mod figures;
pub mod http;
pub(crate) mod load;
pub mod measure;
pub(crate) mod proxies;
pub(crate) mod schedule;
