//! Telemetry: a backlog read by a reader and by a bare loop, and a flood that is read while it is sent.

mod bare;
mod beats;
pub mod figures;
pub mod measure;
