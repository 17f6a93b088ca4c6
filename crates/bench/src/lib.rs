//! The benchmark: ballet beside hand-written code that does the same, in one run.

pub mod broker_alone;
pub mod business;
pub mod ceiling;
mod condition;
pub mod contract;
pub mod groups;
mod handwritten;
pub mod in_bulk;
mod load;
pub mod measure;
mod oracle;
pub mod ordinary;
mod plot;
pub mod report;
pub mod stage;
pub mod twin;
mod usage;

pub use load::Plan;
pub use plot::{bars, latencies};
