//! A process that is frozen (SIGSTOP) is in `frozen`, and one that is killed around calls over HTTP in
//! `outside`. One that is killed (SIGKILL) at every fault point of every step is in `xtask/tests/kills.rs`:
//! every system has that.

mod frozen;
mod outside;
mod process;
mod services;
mod world;
