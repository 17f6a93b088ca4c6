//! Documents for people: pages of events and sagas, with diagrams.

pub mod choreography;
pub mod events;
pub mod lanes;
pub mod rules;
