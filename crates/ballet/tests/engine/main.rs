//! The framework on a real broker and real databases: publish a message, see the events and rows.

mod bad_input;
mod calls;
mod deadlines;
mod foreign;
mod hostile;
mod keyed;
mod lifecycle;
mod memory;
mod observing;
mod restarts;
mod retries;
mod rolling;
mod sagas;
mod steps;
mod trip;
mod world;
