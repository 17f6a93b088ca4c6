//! Every order in which things can reach a service for one saga. Each order is a saga of its own, and is judged at
//! rest.

mod crew;
mod doubt;
mod expected_crew;
mod facts;
mod judge;
mod numbers;
mod orders;
mod outside;
mod owner;
mod owner_judge;
mod participant;
mod planted;
mod repetitions;
mod sale;
mod sales;
mod stage;
mod windows;
