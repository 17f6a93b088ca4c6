//! The search of the shop's catalogue among many products, through the service's HTTP.

pub mod figures;
pub mod measure;
pub(crate) mod vocabulary;
