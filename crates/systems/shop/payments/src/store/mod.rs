//! The tables of payments.

pub(crate) mod payment;
pub(crate) mod webhook;
