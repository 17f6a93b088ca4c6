//! Documents for programs: JSON Schema, the broker's definitions and resources, and the events as data.

pub mod definitions;
pub mod listing;
pub mod schemas;
pub mod topology_resources;
