//! Documents for programs: AsyncAPI, JSON Schema, the broker's definitions, and the events as data.

pub mod asyncapi;
pub mod definitions;
pub mod listing;
pub mod schemas;
