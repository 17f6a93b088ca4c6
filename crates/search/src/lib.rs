//! Search: the words of a text, what is stored of a thing's, and what is asked for. No I/O: a service has
//! the rows.
//!
//! Texts are folded here and not by Postgres, because its `lower`, `unaccent` and dictionaries
//! depend on the locale of the database, and a wrong one shows only in what is not found.

#![warn(missing_docs)]

mod document;
mod query;
mod typo;
mod vocabulary;
mod words;

pub use document::{Document, Weighted};
pub use query::{Query, Similar, TIERS, Wanted};
pub use vocabulary::{LEARN, SIMILAR, WORDS};
