//! The framework's parts, on real databases and mostly on the broker in memory.

mod broker;
mod bulk;
mod copies;
mod declared;
mod inbox_outbox;
mod pressure;
