//! The answers of other systems and the deadlines that a service waits for, and the amount and age of its waiting work.

pub mod calls;
pub mod deadlines;
pub mod waiting;
