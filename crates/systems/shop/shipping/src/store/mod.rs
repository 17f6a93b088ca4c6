//! The tables of shipping.

pub(crate) mod shipment;
pub(crate) mod webhook;
