//! The work on sagas that no message sets off: calls that are due, deadlines that have passed, compensations
//! that a person has begun.

pub(crate) mod by_hand;
pub(crate) mod calls;
pub(crate) mod deadlines;
pub(crate) mod stuck_count;
