//! What a customer works with, and what is seen meanwhile: processes, producers, and the journal.

pub(crate) mod client;
pub(crate) mod journal;
pub(crate) mod producer;
pub(crate) mod record;
mod senders;
pub(crate) mod site;
