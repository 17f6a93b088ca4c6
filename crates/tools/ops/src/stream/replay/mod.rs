//! Selects the records of a recording that a replay sends, and gives them new ids.

pub(crate) mod entry;
pub(crate) mod ids;
pub(crate) mod made_keys;
pub(crate) mod repeatable;
pub(crate) mod survey;
pub(crate) mod to_publish;
