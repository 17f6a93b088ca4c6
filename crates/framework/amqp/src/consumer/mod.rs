//! The consume role: one supervised connection that hands deliveries on, and acknowledges settled
//! ones.

pub(crate) mod arrival;
mod channel;
pub(crate) mod handle;
pub(crate) mod lengths;
pub(crate) mod prefetch;
pub(crate) mod receipt;
pub(crate) mod settings;
mod supervisor;
pub(crate) mod watermark;
mod wish;
