//! The operators' console: the cost of following, its pages' times, and an open page's cost.

mod figures;
mod journal;
pub mod measure;
mod pages;
mod table;
