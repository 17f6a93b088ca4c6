//! Replays a recording: selects records, gives them new ids, and sends them.

pub(crate) mod entry;
pub(crate) mod ids;
pub(crate) mod made_keys;
pub(crate) mod repeatable;
pub(crate) mod sender;
pub(crate) mod survey;
