//! A service under pressure. The databases are real, the broker is in memory.

mod added_column;
mod cancelled;
mod copy;
mod green;
mod hotel;
mod limits;
mod poison;
mod pooler;
mod refusals;
mod requests;
mod slow;
mod stage;
