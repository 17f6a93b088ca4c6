//! Search: the words of a text, the document of a thing, and queries. No I/O: a service has the rows.
//!
//! Texts are folded here, because Postgres's `lower`, `unaccent` and dictionaries depend on the database's locale.
//! The only sign of a wrong locale is that things are not found.

mod document;
mod query;
mod typo;
mod vocabulary;
mod words;

pub use document::{SearchDocument, WeightedText};
pub use query::{Query, SimilarWords, TIERS, TierQuery};
pub use vocabulary::{LEARN, SIMILAR, WORDS};
