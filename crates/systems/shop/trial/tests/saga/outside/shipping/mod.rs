//! Shipping with a carrier behind an HTTP API.

mod parcels;
mod test_shipping;
