//! The published language of rides: the events of its services, and the saga that they form. A service
//! depends on this crate and on no other service.
//!
//! There is a module for each service. An event's name begins with its service. The feature `access` adds whose the
//! data is.
//!
//! ```text
//! POST /rides -> dispatch.ride_requested
//!   -> dispatch.fare_held, dispatch.driver_wanted | payment_declined
//!   -> location.driver_reserved            | no_driver_nearby
//!   -> dispatch.ride_offered
//!   -> dispatch.offer_accepted, by the driver
//!    | dispatch.offer_ended -> reservation_cancelled, and dispatch.driver_wanted again: the next driver
//!   -> dispatch.driver_assigned
//!   -> dispatch.rider_picked_up, by the driver
//!   -> dispatch.ride_started                                          the decision
//!   -> dispatch.ride_completed
//!   -> location.driver_released, and dispatch.fare_charged
//! any refusal, cancel or deadline -> dispatch.ride_cancelled
//!   -> reservation_cancelled, offer_withdrawn, driver_unassigned, fare_released
//! ```

#![warn(missing_docs)]

#[cfg(feature = "access")]
pub mod access;
pub mod dispatch;
pub mod location;
pub mod riders;
mod saga;
mod values;

pub use common::values::{Currency, Money, check_text};
pub use saga::RideDispatch;
pub use values::ids::{DriverId, QuoteId, RideId, RiderId};
pub use values::point::{NotOnEarth, Point};
