//! Compares the answers of services with a recording, saga by saga.

pub(crate) mod canonical;
mod depth;
pub(crate) mod difference;
pub(crate) mod joins;
pub(crate) mod partition;
pub(crate) mod saga;
