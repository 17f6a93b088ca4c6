//! The alarms of a system that is written with ballet: as rules for Prometheus, as a table, and as a board for
//! Grafana.

mod alarm;
mod board;
mod list;
mod rules;
mod table;

pub use board::board;
pub use rules::rules;
pub use table::table;
