//! The HTTP routes of dispatch: those of riders, and those of drivers.

mod api;
mod rides;
mod state;
mod trips;

pub(crate) use api::{api, routes};
