//! Documents for people: the pages of events and sagas, with their diagrams.

pub mod choreography;
pub mod events;
pub mod lanes;
