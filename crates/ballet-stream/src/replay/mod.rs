//! Replays a recording: which records are sent, under which ids, and how they are sent.

pub(crate) mod entry;
pub(crate) mod ids;
pub(crate) mod made_keys;
pub(crate) mod repeatable;
pub(crate) mod sender;
pub(crate) mod survey;
