//! A system's state at this moment: the findings on it, its services' figures, and which sagas cannot go on.

pub mod figures;
pub mod finding;
pub mod hindrance;
#[cfg(feature = "operations")]
pub(crate) mod locks;
#[cfg(feature = "operations")]
pub(crate) mod service;
