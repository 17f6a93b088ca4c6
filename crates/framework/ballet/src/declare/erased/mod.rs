//! Declarations without their types, as the engine runs them. Events and requests pass as JSON.

pub(crate) mod call;
pub(crate) mod codec;
pub(crate) mod entities;
pub(crate) mod local;
pub(crate) mod others;
pub(crate) mod outcome;
pub(crate) mod stand_in;
pub(crate) mod step;
pub(crate) mod watch;
