//! Requests to services: a breaker, servers, retries, limits of time.

pub(crate) mod breaker;
pub(crate) mod failure;
pub(crate) mod outgoing;
pub(crate) mod servers;
pub(crate) mod service;
