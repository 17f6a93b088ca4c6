//! Subcommands for operators, who read and repair a system's broker and databases.

pub(crate) mod audit;
pub(crate) mod console;
pub(crate) mod copies;
pub(crate) mod dead_letters;
pub(crate) mod dlq;
pub(crate) mod doctor;
pub(crate) mod inbox;
pub(crate) mod missed_events;
pub(crate) mod outbox;
pub(crate) mod restore;
pub(crate) mod sagas;
pub(crate) mod services;
pub(crate) mod telemetry;
pub(crate) mod topology;
