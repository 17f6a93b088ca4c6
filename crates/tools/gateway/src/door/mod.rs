//! The listeners: a public one for clients, a private one for operators.

pub(crate) mod private;
pub(crate) mod public;
