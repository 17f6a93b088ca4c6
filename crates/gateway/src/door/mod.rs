//! The listeners: the public one for clients, the private one for operators.

pub(crate) mod head_timer;
pub(crate) mod patient;
pub(crate) mod private;
pub(crate) mod public;
pub(crate) mod withholding;
