//! The HTTP routes of cart.

mod api;
mod changes;
mod check_out;
mod reading;
pub(crate) mod state;

pub(crate) use api::api;
