//! Telemetry: a backlog for a reader and a bare loop, and a flood read while it is sent.

mod bare;
mod beats;
pub mod measure;
