//! The steps of dispatch in the saga that it owns.

mod assign_driver;
mod charge_fare;
mod hold_fare;
mod offer_ride;
mod ride_row;
mod start_ride;
mod watch_ride;

pub use assign_driver::AssignDriver;
pub use charge_fare::ChargeFare;
pub use hold_fare::{HoldFare, ReleaseAnswer, ReleaseRequest};
pub use offer_ride::OfferRide;
pub use ride_row::RideRow;
pub use start_ride::StartRide;
pub use watch_ride::WatchRide;
