//! The messages of services: events and telemetry, with their names, keys, entities and values about a person.

pub mod entity;
pub mod event;
pub mod key;
pub(crate) mod lasting;
pub mod personal;
pub mod portable;
pub mod telemetry;
