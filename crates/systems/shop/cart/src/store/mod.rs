//! The rows of cart.

pub(crate) mod cart;
pub(crate) mod checkout;
