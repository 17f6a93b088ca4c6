//! `ballet tap`, `record` and `replay` as their users have them: the program itself, on a real broker.

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
mod world;
