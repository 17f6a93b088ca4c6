//! `ballet tap`, `watch`, `record` and `replay`: the program on a real broker.

mod big;
mod by_hand;
mod keys;
mod record;
mod rehearse;
mod release;
mod replay;
mod scope;
mod tap;
mod times;
mod watch;
mod world;
