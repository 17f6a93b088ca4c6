//! The listeners: the public one for clients, the private one for operators.

pub(crate) mod private;
pub(crate) mod public;
pub(crate) mod withholding;
