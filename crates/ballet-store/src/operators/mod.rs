//! What people have done by hand.

pub mod restored;
pub mod solved;
