//! `ballet tap`, `watch`, `record` and `replay`: the program on a real broker.

mod big;
mod record;
mod rehearse;
mod release;
mod replay;
mod tap;
mod watch;
mod world;
