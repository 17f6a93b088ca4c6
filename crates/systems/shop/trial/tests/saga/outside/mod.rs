//! Payments and shipping with a company whose API is slow, breaks, lies, and sends webhooks.

pub(crate) mod partner;
pub(crate) mod payments;
pub(crate) mod rig;
mod shipping;
