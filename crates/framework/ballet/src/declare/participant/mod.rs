//! The declaration of a service, and how it is collected.

pub(crate) mod copies;
pub(crate) mod deadline;
pub(crate) mod declarable;
#[expect(clippy::module_inception, reason = "the file holds what the folder is named after")]
pub(crate) mod participant;
pub(crate) mod saga_entry;
pub(crate) mod saga_steps;
