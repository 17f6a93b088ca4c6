//! Every order in which things can reach a service for one saga. Each order is a saga of its own, and is judged at
//! rest.

mod doubt;
mod facts;
mod judge;
mod orders;
mod outside;
mod owner;
mod owner_judge;
mod participant;
mod planted;
mod proxy;
mod sale;
mod sales;
mod stage;
mod windows;
