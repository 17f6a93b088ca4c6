//! The tables of shipping.

pub(crate) mod shipment;
