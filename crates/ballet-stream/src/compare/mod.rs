//! Compares what services answer with what was recorded, saga by saga.

pub(crate) mod canonical;
pub(crate) mod difference;
pub(crate) mod partition;
pub(crate) mod saga;
