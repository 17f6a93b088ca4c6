//! `Idempotency-Key`: a request takes effect once, and its answer is given again.

pub(crate) mod body_start;
pub(crate) mod key;
pub(crate) mod remember;
