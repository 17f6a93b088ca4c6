//! The steps of location.

mod release_driver;
mod reserve_driver;

pub use release_driver::ReleaseDriver;
pub use reserve_driver::ReserveDriver;
