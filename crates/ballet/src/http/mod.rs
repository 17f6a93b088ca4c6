//! HTTP: errors as problem+json, extractors that answer with them, and what every service serves
//! about itself.

pub(crate) mod health;
pub(crate) mod own_routes;
pub(crate) mod problem;
pub(crate) mod trace;
pub(crate) mod unit;

pub use problem::{Json, Path, Problem, Query};
