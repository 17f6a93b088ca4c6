//! The settings of the service `dispatch`.

use clap::Args;
use jiff::SignedDuration;

/// Seconds for picking up the rider.
const DEADLINE: i64 = 45 * 60;
/// Seconds for a driver's answer.
const ANSWER: i64 = 20;
/// Drivers who are asked for one ride.
const DRIVERS: u16 = 5;

/// Rides of one rider at a time.
const OF_ONE: u16 = 3;

/// The settings of dispatch, besides those of every service.
#[derive(Debug, Clone, Copy, Args)]
pub struct DispatchSettings {
    /// The seconds within which a rider must be picked up. Then the ride is cancelled.
    #[arg(long, env = "RIDE_DEADLINE_SECONDS", default_value_t = DEADLINE, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=24 * 60 * 60))]
    pub ride_deadline_seconds: i64,

    /// The seconds that a driver has to answer an offer.
    #[arg(long, env = "OFFER_SECONDS", default_value_t = ANSWER, value_name = "SECONDS", value_parser = clap::value_parser!(i64).range(1..=60 * 60))]
    pub offer_seconds: i64,

    /// The most drivers who are asked for one ride.
    #[arg(long, env = "OFFERS_PER_RIDE", default_value_t = DRIVERS, value_name = "DRIVERS", value_parser = clap::value_parser!(u16).range(1..=100))]
    pub offers_per_ride: u16,

    /// The most rides of one rider that are not over. A further request is answered with 429. Callers that act for
    /// riders have no limit.
    #[arg(long, env = "RIDES_OF_ONE", default_value_t = OF_ONE, value_name = "RIDES", value_parser = clap::value_parser!(u16).range(1..))]
    pub rides_of_one: u16,
}

impl Default for DispatchSettings {
    fn default() -> Self {
        Self {
            ride_deadline_seconds: DEADLINE,
            offer_seconds: ANSWER,
            offers_per_ride: DRIVERS,
            rides_of_one: OF_ONE,
        }
    }
}

impl DispatchSettings {
    /// Returns the time within which a rider must be picked up.
    #[must_use]
    pub const fn deadline(&self) -> SignedDuration {
        SignedDuration::from_secs(self.ride_deadline_seconds)
    }

    /// Returns the time for a driver's answer.
    pub(crate) const fn answer(&self) -> SignedDuration {
        SignedDuration::from_secs(self.offer_seconds)
    }
}
