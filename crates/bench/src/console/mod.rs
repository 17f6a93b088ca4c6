//! The operators' console: what following costs, how soon its pages answer, and what a page that is open costs.

mod figures;
mod journal;
pub mod measure;
mod pages;
mod table;
