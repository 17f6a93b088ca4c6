//! HTTP: errors as problem+json, extractors that answer with them, and what every service serves
//! about itself.

pub(crate) mod door;
pub(crate) mod extract;
pub(crate) mod health;
pub(crate) mod json;
pub(crate) mod own_routes;
pub(crate) mod place;
pub(crate) mod problem;
pub(crate) mod refusal;
pub(crate) mod trace;
pub(crate) mod unit;
mod unreadable;

pub use extract::{LastEventId, Path, Query};
pub use json::{Json, OpenJson};
pub use place::Place;
pub use problem::{FieldError, NOT_YET, Problem};
