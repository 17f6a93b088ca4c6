//! A system's state at this moment: the findings on it, its services' figures, and which sagas cannot go on.

pub mod figures;
pub mod finding;
pub mod hindrance;
pub(crate) mod locks;
pub(crate) mod service;
