//! Readers of telemetry: their places in the streams, what they missed, and what they set aside.

pub mod leftovers;
pub mod places;
pub mod reader_places;
