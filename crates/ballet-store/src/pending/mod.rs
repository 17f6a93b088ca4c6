//! The things that a service waits for: answers of other systems and deadlines, and the amount and age of waiting work.

pub mod calls;
pub mod deadlines;
pub mod waiting;
