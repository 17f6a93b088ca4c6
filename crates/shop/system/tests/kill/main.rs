//! F12: a process is killed (SIGKILL) at every fault point of the framework, for every step,
//! compensation, call and event of every service. After each kill the saga ends as it had to.
//!
//! Nothing is listed here that the code could be asked for: the points come from
//! [`ballet::fault`], what to aim at from what the services declare, and which order takes which
//! path from what the services saw on it. What cannot be reached is listed in `aims`, exactly.
//!
//! A process that is frozen (SIGSTOP) is in `frozen`, and one that is killed around calls over HTTP in
//! `outside`.

mod aims;
mod assortment;
mod carts;
mod frozen;
mod matrix;
mod outside;
mod path;
mod process;
mod refill;
mod services;
mod world;
