//! The most watched titles of two days, through the HTTP of streaming's analytics.

pub mod figures;
pub mod measure;
