//! Servers and beds as tests use them.

mod bed;
mod private;
mod topology;
