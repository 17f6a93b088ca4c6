//! The work that every contestant does: a saga of four services, and the SQL of its steps.

pub mod business;
pub mod contract;
