//! What services cost that have nothing to do.

pub mod figures;
pub mod measure;
