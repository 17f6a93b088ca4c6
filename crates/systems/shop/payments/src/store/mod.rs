pub(crate) mod payment;
pub(crate) mod webhook;
