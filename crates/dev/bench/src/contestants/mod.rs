//! The contestants: ballet with ordinary and with bulk handlers, and three services by hand.

pub mod ceiling;
pub mod contestant;
pub(crate) mod handwritten;
pub mod in_bulk;
pub mod ordinary;
pub mod system;
pub mod twin;
