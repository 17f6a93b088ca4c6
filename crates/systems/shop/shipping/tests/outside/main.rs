//! Shipping with a carrier behind an HTTP API that is slow, breaks, lies, and sends webhooks.

mod parcels;
mod settings;
mod test_shipping;
