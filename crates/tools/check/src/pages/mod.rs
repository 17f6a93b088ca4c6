//! Documents for people: the pages of events and sagas, with their diagrams.

pub(crate) mod catalog;
pub mod choreography;
pub mod events;
pub mod lanes;
