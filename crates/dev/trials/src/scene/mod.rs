//! The surroundings of a customer: processes, producers, and the record of events.

pub(crate) mod client;
pub(crate) mod producer;
pub(crate) mod record;
pub(crate) mod site;
