//! The work that every contestant does: a saga of four services, and what its steps do in SQL.

pub mod business;
pub mod contract;
