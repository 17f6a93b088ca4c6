//! What a service waits for: answers of other systems, deadlines, and how much work waits since when.

pub mod calls;
pub mod deadlines;
pub mod waiting;
