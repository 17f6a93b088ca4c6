//! The operators' console: the cost of following, and its pages' times.

mod journal;
pub mod measure;
mod pages;
mod table;
