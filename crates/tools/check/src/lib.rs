//! Documents from the declarations of a system's services, none of which runs: pages, diagrams, and the broker's
//! definitions.
//!
//! | document | function |
//! |---|---|
//! | the page of all events, field by field | [`events::page`] |
//! | the page of all sagas, with their diagrams | [`choreography::page`] |
//! | the page of all rules | [`rules::page`] |
//! | what breaks them, for code hosts | [`sarif::log`] |
//! | all events with their publishers and consumers, as data | [`listing::events`] |
//! | one saga as a diagram | [`lanes::svg`] |
//! | the broker's definitions for development | [`definitions::text`] |
//! | the same as resources of an operator of Kubernetes | [`topology_resources::text_of`] |
//! | the services that a change of contracts breaks | [`diff::changes`] |
//! | the JSON Schema of each event, in a separate file | [`schemas::text`] |
//! | the event that reports a compensation by hand | [`solved_event::body`] |
//! | a body without the values about persons | [`personal::mask`] |
//! | the runs of a saga that go wrong | [`search::search`] |
//! | the contracts of a system, read from their files and checked | [`Contracts`] |
//!
//! The same declarations always give the same bytes.

#![warn(missing_docs)]

pub mod contracts;
pub mod diff;
mod documents;
mod markdown;
mod pages;
pub mod personal;
pub mod sarif;
pub mod search;
pub mod solved_event;
mod takes;
pub mod validate;

pub use contracts::{Contracts, ContractsError};
pub use documents::{definitions, listing, schemas, topology_resources};
pub use pages::{choreography, events, lanes, rules};
