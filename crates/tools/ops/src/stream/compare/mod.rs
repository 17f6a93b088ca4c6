//! Compares the answers of services with a recording, saga by saga.

pub(crate) mod canonical;
pub(crate) mod comparison;
mod depth;
pub(crate) mod difference;
pub(crate) mod joins;

pub(crate) mod saga;
