//! The declarations of a service: steps, compensations, owners and projections, and the view that
//! handlers get.

pub(crate) mod answered;
pub(crate) mod bulk;
pub(crate) mod call_step;
pub(crate) mod clock;
pub(crate) mod copied;
pub(crate) mod copies;
pub(crate) mod deadline;
pub(crate) mod declarable;
pub(crate) mod erased;
pub(crate) mod event;
pub(crate) mod failure;
pub(crate) mod item;
pub(crate) mod json;
pub(crate) mod owner;
pub(crate) mod participant;
pub(crate) mod projection;
pub(crate) mod retry;
pub(crate) mod row_locks;
pub(crate) mod saga_entry;
pub(crate) mod spans;
pub(crate) mod step;
pub(crate) mod text_enum;
pub(crate) mod tx;
pub(crate) mod witness;
