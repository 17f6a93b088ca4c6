//! Inbox and outbox, on a real database and an in-memory broker that fails on command.

mod backlog;
mod concurrency;
mod inbox;
mod left_behind;
mod notes;
mod outbox;
mod refused_keys;
mod relay;
mod stage;
#[expect(dead_code, reason = "shared with the tests of the engine")]
#[path = "../../engine/trip.rs"]
mod trip;
