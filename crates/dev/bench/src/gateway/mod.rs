//! The gateway beside nginx, each in front of the same service.

mod load;
pub mod measure;
mod proxies;
