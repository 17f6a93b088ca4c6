//! The framework on a real broker and real databases: publish a message, see the events and rows.

mod audit;
mod bad_input;
mod bindings;
mod calls;
mod deadlines;
mod foreign;
mod hostile;
mod keyed;
mod lifecycle;
mod locks;
mod memory;
mod observing;
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
mod world;
