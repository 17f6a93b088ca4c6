//! Search: the words of a text, what is stored of a product's, and what is asked for. No I/O.
//!
//! Texts are folded here and not by Postgres, because its `lower`, `unaccent` and dictionaries
//! depend on the locale of the database, and a wrong one shows only in what is not found.

pub(crate) mod document;
pub(crate) mod query;
mod typo;
mod words;
