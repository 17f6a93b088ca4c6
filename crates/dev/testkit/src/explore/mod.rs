//! Schedules of real services: every order of deliveries that a seed chooses, with copies, crashes, lost commits, lock
//! waits and deadlines, on a broker in memory and real databases.
//!
//! A system says what it is in [`Explored`]. [`explore`] plays seeds one action at a time, each to its rest, so that a
//! schedule depends on its seed alone. A failing one is played again by itself, shrunk to the shortest schedule, and told
//! with the rows that are wrong.
//! Time stands still, and passes only where a schedule says so.
//! [`orders()`] has all orders of a few things, for tests that need no seed.

mod action;
mod explorer;
mod failure;
mod faults;
mod orders;
mod rest;
mod schedule;
mod stage;
mod time;

pub use action::{Action, CallName, MessageName};
pub use explorer::{Exploration, ExploreOptions, SHRINKS, explore};
pub use failure::FailedSchedule;
pub use orders::orders;
pub use schedule::{Explored, Move};
pub use stage::{ExploredService, Stage, Urls};
