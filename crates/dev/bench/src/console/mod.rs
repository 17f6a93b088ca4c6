//! The operators' console: the cost of following, the times of its pages, and the cost of an open page.

mod figures;
mod journal;
pub mod measure;
mod pages;
mod table;
