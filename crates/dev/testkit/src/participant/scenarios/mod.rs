//! The scenarios as functions, one for each.

pub(crate) mod aborts;
pub(crate) mod copies;
pub(crate) mod deaths;
pub(crate) mod ids;
pub(crate) mod outages;
pub(crate) mod packs;
pub(crate) mod poison;
pub(crate) mod steps;
