//! The shop behind its gateway, and those who use it. The demo, the degradation and the benchmark have it.

pub(crate) mod customer;
pub(crate) mod gateway;
pub(crate) mod open_shop;
