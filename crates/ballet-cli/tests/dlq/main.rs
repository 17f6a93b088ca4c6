//! `ballet dlq` as an operator uses it: the program itself, on a real broker and real databases,
//! as the user that may do no more than this.

mod handling;
mod interrupted;
mod memory;
mod picking;
mod shop;
mod world;
