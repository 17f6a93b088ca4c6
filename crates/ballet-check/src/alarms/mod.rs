//! The alarms of a system built with ballet: as Prometheus rules, as a table, and as a Grafana board.

mod alarm;
mod board;
mod list;
mod rules;
mod table;

pub use board::board;
pub use rules::rules;
pub use table::table;
