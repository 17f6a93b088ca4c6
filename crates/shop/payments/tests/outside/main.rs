//! Payments with a card processor behind an HTTP API that is slow, breaks, lies, and sends webhooks.

#[path = "../../../partner.rs"]
mod partner;
#[path = "../../../rig.rs"]
mod rig;
#[path = "../../../samples.rs"]
#[expect(dead_code, reason = "the customers of these tests cancel under ids of their own")]
mod samples;

mod answers;
mod settings;
mod webhooks;
mod world;
