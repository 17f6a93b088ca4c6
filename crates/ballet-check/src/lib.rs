//! Documents that follow from the declarations of a system's services, without running any of them:
//! pages, diagrams, and the broker's definitions.
//!
//! | document | function |
//! |---|---|
//! | the page of all events, field by field | [`events::page`] |
//! | the page of all sagas, with their diagrams | [`choreography::page`] |
//! | one saga as a diagram | [`mermaid::flowchart`] |
//! | the broker's definitions for development | [`definitions::text`] |
//!
//! The same declarations always give the same bytes.

#![warn(missing_docs)]

mod catalog;
pub mod choreography;
pub mod definitions;
pub mod events;
mod markdown;
pub mod mermaid;
mod roles;
mod schema;

pub use catalog::{Catalog, CatalogError};
