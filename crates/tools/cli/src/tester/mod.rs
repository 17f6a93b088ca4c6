//! Subcommands for trying a system by its events: the journal's stream, recordings, rehearsals.

pub(crate) mod publish;
pub(crate) mod rehearse;
pub(crate) mod stream;
