//! The tables of payments.

pub(crate) mod payment;
