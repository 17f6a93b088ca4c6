//! Limits on a client's requests.

pub(crate) mod at_once;
pub(crate) mod policy;
