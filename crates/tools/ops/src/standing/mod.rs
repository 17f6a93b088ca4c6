//! How a system stands at this moment: the findings on it, the figures of its services, and which sagas cannot go on.

pub mod figures;
pub mod finding;
pub mod hindrance;
pub(crate) mod locks;
pub(crate) mod service;
