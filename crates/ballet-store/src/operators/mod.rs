//! What people have done by hand.

pub mod change;
pub mod restored;
pub mod solved;
pub mod stopped;
