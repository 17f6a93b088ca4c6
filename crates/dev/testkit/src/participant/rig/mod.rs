//! The world of one scenario: processes, links to the servers, sent and published messages.

pub(crate) mod message;
pub(crate) mod processes;
pub(crate) mod record;
pub(crate) mod verdict;
pub(crate) mod world;
