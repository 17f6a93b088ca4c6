//! What is watched most, with two days of minutes behind it, through the HTTP of streaming's analytics.

pub mod figures;
pub mod measure;
