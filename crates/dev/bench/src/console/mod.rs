//! The operators' console: the cost of following, and its pages' times.

mod figures;
mod journal;
mod judging;
pub mod measure;
mod pages;
mod table;
