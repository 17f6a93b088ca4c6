mod api;
mod rides;
mod state;
mod trips;

pub(crate) use api::{api, routes};
