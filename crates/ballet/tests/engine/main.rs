//! The framework on a real broker and real databases: publish a message, see the events and rows.

mod audit;
mod bad_input;
mod calls;
mod deadlines;
mod foreign;
mod hostile;
mod keyed;
mod lifecycle;
mod locks;
mod memory;
mod numbers;
mod observing;
mod old_sagas;
mod pooler;
mod releases;
mod restarts;
mod restored;
mod retries;
mod rolling;
mod sagas;
mod schema;
mod steps;
mod tracing;
mod trip;
mod two_sagas;
mod world;
