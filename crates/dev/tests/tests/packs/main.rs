//! Packs: several events in one message, as they come and as they leave. The databases are real, the broker is in
//! memory.

mod coming;
mod deaths;
mod hotel;
mod leaving;
