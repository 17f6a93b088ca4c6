//! An offer as it is stored and shown.

use ballet::TextEnum;
use common::rows::Time;
use jiff::Timestamp;
use rides_events::dispatch::NotAccepted;
use rides_events::{DriverId, RideId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OfferState {
    /// The driver may answer.
    Open,
    /// The driver accepted.
    Accepted,
    /// The driver declined.
    Declined,
    /// The driver did not answer in time.
    Expired,
    /// The driver went offline.
    Offline,
    /// The ride was cancelled.
    Withdrawn,
    /// The ride is over.
    Driven,
}

impl OfferState {
    /// Only a driver who drives or drove may know who the rider is, and where the rider goes.
    pub(crate) const fn shows_ride(self) -> bool {
        matches!(self, Self::Accepted | Self::Driven)
    }
}

impl From<NotAccepted> for OfferState {
    fn from(reason: NotAccepted) -> Self {
        match reason {
            NotAccepted::Declined => Self::Declined,
            NotAccepted::Expired => Self::Expired,
            NotAccepted::Offline => Self::Offline,
        }
    }
}

/// The offer of a ride to a driver.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub(crate) struct Offer {
    /// The ride.
    pub(crate) ride_id: RideId,
    /// The number of the offer in the ride.
    pub(crate) attempt: i16,
    /// The driver.
    pub(crate) driver_id: DriverId,
    /// The state.
    pub(crate) state: OfferState,
    /// The time until which the driver may accept.
    pub(crate) expires_at: Timestamp,
    /// Whether the driver went offline while the offer was open.
    pub(crate) is_gone: bool,
}

common::row! { Offer:
    ride_id, attempt, driver_id, state as TextEnum, expires_at as Time, is_gone,
}
