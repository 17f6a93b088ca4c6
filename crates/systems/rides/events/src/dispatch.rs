//! The events of dispatch: rides, and the offers of rides to drivers.

use ballet_core::{event, value};
use common::values::Money;
use jiff::Timestamp;

use crate::values::ids::{DriverId, RideId, RiderId};
use crate::values::point::Point;

/// A rider requests a ride for the price that was quoted.
#[event(
    "dispatch.ride_requested.v1",
    in_saga, packs,
    keys(ride = ride_id.made_here(), rider = rider_id)
)]
pub struct RideRequested {
    /// The ride.
    pub ride_id: RideId,
    /// The rider.
    pub rider_id: RiderId,
    /// The place where the rider waits.
    pub pickup: Point,
    /// The rider's destination.
    pub destination: Point,
    /// The price of the ride.
    pub price: Money,
    /// The version of the tariff by which the price was computed.
    pub tariff: i32,
    /// When the ride was requested.
    pub requested_at: Timestamp,
}

/// The card processor holds the price of a ride.
#[event("dispatch.fare_held.v1", in_saga, packs, keys(ride = ride_id))]
pub struct FareHeld {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that is held.
    pub amount: Money,
}

/// The rider's payment was declined: the ride will not take place.
#[event("dispatch.payment_declined.v1", in_saga, packs, keys(ride = ride_id))]
pub struct PaymentDeclined {
    /// The ride.
    pub ride_id: RideId,
    /// The card processor's code for the reason.
    pub reason: String,
}

/// The hold for a cancelled ride is released. The fee for a late cancellation was captured first.
#[event("dispatch.fare_released.v1", in_saga, packs, keys(ride = ride_id))]
pub struct FareReleased {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that was captured.
    pub paid: Money,
    /// The amount that was due and could not be captured.
    pub owed: Money,
}

/// The rider has paid for a completed ride, or owes the price.
#[event("dispatch.fare_charged.v1", in_saga, packs, keys(ride = ride_id))]
pub struct FareCharged {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that was captured.
    pub paid: Money,
    /// The amount that was due and could not be captured.
    pub owed: Money,
}

/// A ride needs a driver: the first, or the next after one who did not accept.
#[event("dispatch.driver_wanted.v1", in_saga, packs, keys(ride = ride_id, rider = rider_id))]
pub struct DriverWanted {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride, from 1.
    pub attempt: u16,
    /// The rider.
    pub rider_id: RiderId,
    /// The place where the rider waits.
    pub pickup: Point,
    /// The drivers who were asked and did not accept.
    pub not: Vec<DriverId>,
}

/// A driver is asked to drive.
#[event("dispatch.ride_offered.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct RideOffered {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
    /// The time until which the driver can accept. It comes earlier for a driver who looks at the offer before.
    pub expires_at: Timestamp,
}

/// An offer is over, because its ride is cancelled.
#[event("dispatch.offer_withdrawn.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct OfferWithdrawn {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

/// A driver has accepted the offer.
#[event("dispatch.offer_accepted.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct OfferAccepted {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

/// The driver will not drive. The search continues with the next one.
#[event("dispatch.offer_ended.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct OfferEnded {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
    /// The reason.
    pub reason: NotAccepted,
}

/// Why a driver will not drive.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum NotAccepted {
    /// The driver declined.
    Declined,
    /// The driver did not answer in time.
    Expired,
    /// The driver went offline.
    Offline,
}

/// The ride has a driver, who is on the way to the pickup.
#[event("dispatch.driver_assigned.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct DriverAssigned {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

/// The driver turned back, because the ride is cancelled.
#[event("dispatch.driver_unassigned.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct DriverUnassigned {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

/// The driver says that the rider is in the car. Only dispatch consumes this event, and then decides.
#[event("dispatch.rider_picked_up.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct RiderPickedUp {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

/// The ride is under way. It can no longer be cancelled.
#[event("dispatch.ride_started.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct RideStarted {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
    /// When the ride started.
    pub started_at: Timestamp,
}

/// The rider has arrived, and pays the quoted price or the part of it that is verified.
#[event("dispatch.ride_completed.v1", in_saga, packs, keys(ride = ride_id, driver = driver_id))]
pub struct RideCompleted {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
    /// The amount that the rider pays.
    pub fare: Money,
}

/// The ride will not take place: every service compensates its part.
#[event("dispatch.ride_cancelled.v1", in_saga, packs, keys(ride = ride_id))]
pub struct RideCancelled {
    /// The ride.
    pub ride_id: RideId,
    /// The reason.
    pub reason: CancelReason,
    /// The step that refused, if a step did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_step: Option<String>,
    /// The fee that the rider pays for a late cancellation, by the tariff.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// The exact cause, as a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Why a ride does not take place.
#[value]
#[derive(Copy, Eq)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The rider cancelled.
    RiderCancelled,
    /// The rider's payment was declined.
    PaymentDeclined,
    /// No driver was near, from the beginning.
    NoDriverNearby,
    /// All drivers who could be asked were asked, and none of them accepted.
    Unfulfilled,
    /// The rider was not picked up in time.
    DeadlinePassed,
}

/// The time in which the rider had to be picked up has passed. Only dispatch consumes this event, and then decides.
#[event("dispatch.ride_deadline_passed.v1", in_saga, packs, keys(ride = ride_id))]
#[derive(Copy)]
pub struct RideDeadlinePassed {
    /// The ride.
    pub ride_id: RideId,
    /// The time by which the rider had to be picked up.
    pub due_at: Timestamp,
}
