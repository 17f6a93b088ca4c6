//! `frozen` has processes that are frozen (SIGSTOP), and `outside` has processes that are killed around calls over
//! HTTP. `xtask/tests/kills.rs` kills processes (SIGKILL) at every fault point of every step, for every system.

mod frozen;
mod outside;
mod process;
mod services;
mod shop_processes;
