//! Judges what is wrong with a running system, for the command's `doctor` and `sagas stuck` and the console.

mod abandoned_queues;
mod broker;
mod clock;
mod databases;
mod examine;
mod journal;
mod on_broker;
mod queues;
mod rights;
mod servers;
mod topology;

pub use abandoned_queues::abandoned_queues;
pub use examine::{Standing, examine, rest, standing};
pub use servers::SystemServers;
