//! The rows of recommendations.

pub(crate) mod candidates;
pub(crate) mod order_facts;
