//! The rows of accounts.

pub(crate) mod account;
pub(crate) mod closure;
pub(crate) mod device;
pub(crate) mod slot;
