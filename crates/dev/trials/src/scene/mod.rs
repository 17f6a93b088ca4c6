//! The surroundings of a customer: processes, producers, and the journal of events.

pub(crate) mod client;
pub(crate) mod journal;
pub(crate) mod producer;
pub(crate) mod record;
pub(crate) mod site;
