//! The work on sagas that no message sets off: due calls, passed deadlines, compensations that a
//! person has begun.

pub(crate) mod by_hand;
pub(crate) mod calls;
pub(crate) mod deadlines;
pub(crate) mod stuck_count;
