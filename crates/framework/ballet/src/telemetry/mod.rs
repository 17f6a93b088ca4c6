//! Telemetry: publishing it, and readers whose place in the stream is a row of the service's database.

pub(crate) mod publishing;
pub(crate) mod reading;
pub(crate) mod series;
