//! Subcommands for the people who run a system: they read its broker and databases, and repair.

pub(crate) mod audit;
pub(crate) mod console;
pub(crate) mod copies;
pub(crate) mod dead_letters;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod inbox;
pub(crate) mod outbox;
pub(crate) mod restore;
pub(crate) mod sagas;
pub(crate) mod services;
pub(crate) mod telemetry;
pub(crate) mod topology;
