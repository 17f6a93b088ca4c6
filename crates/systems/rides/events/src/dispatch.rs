//! The events of dispatch: rides, and the offers of rides to drivers.

use ballet_core::{Event, EventType, Key};
use common::values::Money;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::{DRIVER, RIDE, RIDER};
use crate::values::ids::{DriverId, RideId, RiderId};
use crate::values::point::Point;

/// A rider requests a ride for the price that was quoted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl Event for RideRequested {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_requested.v1");
    const KEYS: &'static [Key] = &[RIDE.made_here(), RIDER];
}

/// The card processor holds the price of a ride.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FareHeld {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that is held.
    pub amount: Money,
}

impl Event for FareHeld {
    const TYPE: EventType = EventType::in_saga("dispatch.fare_held.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// The rider's payment was declined: the ride will not take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PaymentDeclined {
    /// The ride.
    pub ride_id: RideId,
    /// The card processor's code for the reason.
    pub reason: String,
}

impl Event for PaymentDeclined {
    const TYPE: EventType = EventType::in_saga("dispatch.payment_declined.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// The hold for a cancelled ride is released. The fee for a late cancellation was captured first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FareReleased {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that was captured.
    pub paid: Money,
    /// The amount that was due and could not be captured.
    pub owed: Money,
}

impl Event for FareReleased {
    const TYPE: EventType = EventType::in_saga("dispatch.fare_released.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// The rider has paid for a completed ride, or owes the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FareCharged {
    /// The ride.
    pub ride_id: RideId,
    /// The amount that was captured.
    pub paid: Money,
    /// The amount that was due and could not be captured.
    pub owed: Money,
}

impl Event for FareCharged {
    const TYPE: EventType = EventType::in_saga("dispatch.fare_charged.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// A ride needs a driver: the first, or the next after one who did not accept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl Event for DriverWanted {
    const TYPE: EventType = EventType::in_saga("dispatch.driver_wanted.v1");
    const KEYS: &'static [Key] = &[RIDE, RIDER];
}

/// A driver is asked to drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for RideOffered {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_offered.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// An offer is over, because its ride is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferWithdrawn {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for OfferWithdrawn {
    const TYPE: EventType = EventType::in_saga("dispatch.offer_withdrawn.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// A driver has accepted the offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OfferAccepted {
    /// The ride.
    pub ride_id: RideId,
    /// The number of the offer in the ride.
    pub attempt: u16,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for OfferAccepted {
    const TYPE: EventType = EventType::in_saga("dispatch.offer_accepted.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The driver will not drive. The search continues with the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotAccepted {
    /// The driver declined.
    Declined,
    /// The driver did not answer in time.
    Expired,
    /// The driver went offline.
    Offline,
}

impl Event for OfferEnded {
    const TYPE: EventType = EventType::in_saga("dispatch.offer_ended.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The ride has a driver, who is on the way to the pickup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverAssigned {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for DriverAssigned {
    const TYPE: EventType = EventType::in_saga("dispatch.driver_assigned.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The driver turned back, because the ride is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DriverUnassigned {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for DriverUnassigned {
    const TYPE: EventType = EventType::in_saga("dispatch.driver_unassigned.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The driver says that the rider is in the car. Only dispatch consumes this event, and then decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiderPickedUp {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
}

impl Event for RiderPickedUp {
    const TYPE: EventType = EventType::in_saga("dispatch.rider_picked_up.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The ride is under way. It can no longer be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideStarted {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
    /// When the ride started.
    pub started_at: Timestamp,
}

impl Event for RideStarted {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_started.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The rider has arrived, and pays the quoted price or the part of it that is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideCompleted {
    /// The ride.
    pub ride_id: RideId,
    /// The driver.
    pub driver_id: DriverId,
    /// The amount that the rider pays.
    pub fare: Money,
}

impl Event for RideCompleted {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_completed.v1");
    const KEYS: &'static [Key] = &[RIDE, DRIVER];
}

/// The ride will not take place: every service compensates its part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

impl Event for RideCancelled {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_cancelled.v1");
    const KEYS: &'static [Key] = &[RIDE];
}

/// Why a ride does not take place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RideDeadlinePassed {
    /// The ride.
    pub ride_id: RideId,
    /// The time by which the rider had to be picked up.
    pub due_at: Timestamp,
}

impl Event for RideDeadlinePassed {
    const TYPE: EventType = EventType::in_saga("dispatch.ride_deadline_passed.v1");
    const KEYS: &'static [Key] = &[RIDE];
}
