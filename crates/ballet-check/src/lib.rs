//! Documents that follow from the declarations of a system's services, without running any of them:
//! pages, diagrams, and the broker's definitions.
//!
//! | document | function |
//! |---|---|
//! | the page of all events, field by field | [`events::page`] |
//! | the page of all sagas, with their diagrams | [`choreography::page`] |
//! | all events with who publishes and who consumes them, as data | [`listing::events`] |
//! | one saga as a diagram | [`mermaid::flowchart`], [`lanes::svg`] |
//! | the broker's definitions for development | [`definitions::text`] |
//! | AsyncAPI documents of a service or the system | [`asyncapi::of_service`], [`asyncapi::of_system`] |
//! | what a change of contracts breaks, and whom | [`diff::Diff`] |
//! | alarms for Prometheus, and a board for Grafana | [`alarms::rules`], [`alarms::board()`] |
//! | the JSON Schema of each event, as a file of its own | [`schemas::text`] |
//! | the event that says what a person has compensated by hand | [`solved_event::body`] |
//! | the contracts of a system, read from their files and checked | [`Contracts`] |
//!
//! The same declarations always give the same bytes.

#![warn(missing_docs)]

pub mod alarms;
pub mod contracts;
pub mod diff;
mod documents;
mod markdown;
mod pages;
pub mod solved_event;
mod takes;
pub mod validate;

pub use contracts::{Contracts, ContractsError};
pub use documents::{asyncapi, definitions, listing, schemas};
pub use pages::catalog::{Catalog, CatalogError};
pub use pages::{choreography, events, lanes, mermaid};
