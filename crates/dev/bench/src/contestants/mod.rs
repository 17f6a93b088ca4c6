//! The contestants: ballet with ordinary and bulk handlers, and three services by hand.

pub mod ceiling;
pub mod contestant;
pub mod handlers;
pub(crate) mod handwritten;
pub mod system;
pub mod twin;
