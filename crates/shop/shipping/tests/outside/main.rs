//! Shipping with a carrier behind an HTTP API that is slow, breaks, lies, and sends webhooks.

#[path = "../../../partner.rs"]
#[expect(dead_code, reason = "the carrier deals in no money")]
mod partner;
#[path = "../../../rig.rs"]
mod rig;
#[path = "../../../samples.rs"]
#[expect(dead_code, reason = "the customers of these tests cancel under ids of their own")]
mod samples;

mod parcels;
mod world;
