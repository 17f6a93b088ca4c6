//! The declarations of a service: steps, compensations, owners and projections, and the view that
//! handlers get.

pub(crate) mod erased;
pub(crate) mod handler;
pub(crate) mod participant;
pub(crate) mod step;
pub(crate) mod telemetry;
pub(crate) mod text_enum;
