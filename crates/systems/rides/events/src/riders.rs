//! The events of riders. Each carries the whole rider as it is after the change: of two states of a rider, the one with
//! the higher version is the newer.

use ballet_core::personal::Personal;
use ballet_core::{Entity, EntityEvent, Event, EventType, Key, Versioned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::keys::RIDER;
use crate::values::ids::RiderId;

/// The whole state of a rider after one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Rider {
    /// The rider.
    pub rider_id: RiderId,
    /// 1 when the rider is registered, and 1 more with each change.
    pub version: i64,
    /// The name by which the driver calls the rider.
    #[schemars(extend("x-personal-reason" = "the driver asks for this person at the pickup"))]
    pub name: Personal<String>,
    /// The payment provider's token for the rider's means of payment.
    #[schemars(extend("x-personal-reason" = "dispatch pays the ride with it"))]
    pub payment_token: Personal<String>,
    /// The mean of the drivers' ratings, in tenths: 47 of 50.
    pub rating: u8,
    /// The rider's requirements of a car.
    pub needs: Needs,
}

/// A rider's requirements of a car.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// Any car.
    Any,
    /// A car with more than four seats.
    Large,
}

impl Entity for Rider {
    const NAME: &'static str = "rider";
    const REPUBLISHED: EventType = EventType::plain("riders.riders_republished.v1");
    const REQUESTS: &'static [EventType] = &[
        EventType::plain("dispatch.riders_requested.v1"),
        EventType::plain("location.riders_requested.v1"),
    ];
}

/// The part of a rider that location keeps in its copy. It needs no name, and no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiderNeeds {
    /// The rider's requirements of a car.
    pub needs: Needs,
}

impl From<Rider> for RiderNeeds {
    fn from(rider: Rider) -> Self {
        Self { needs: rider.needs }
    }
}

impl Entity for RiderNeeds {
    const NAME: &'static str = Rider::NAME;
    const REPUBLISHED: EventType = Rider::REPUBLISHED;
    const REQUESTS: &'static [EventType] = Rider::REQUESTS;
}

/// Somebody signed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RiderRegistered(pub Rider);

impl Event for RiderRegistered {
    const TYPE: EventType = EventType::plain("riders.rider_registered.v1");
    const KEYS: &'static [Key] = &[RIDER.made_here()];
}

impl EntityEvent for RiderRegistered {
    type Entity = Rider;

    fn into_version(self) -> Versioned<Rider> {
        Versioned::of(self.0.rider_id.to_string(), self.0.version, self.0)
    }
}

/// A rider's data changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct RiderChanged(pub Rider);

impl Event for RiderChanged {
    const TYPE: EventType = EventType::plain("riders.rider_changed.v1");
    const KEYS: &'static [Key] = &[RIDER];
}

impl EntityEvent for RiderChanged {
    type Entity = Rider;

    fn into_version(self) -> Versioned<Rider> {
        Versioned::of(self.0.rider_id.to_string(), self.0.version, self.0)
    }
}

/// A rider is erased: copies keep the id and the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiderErased {
    /// The rider.
    pub rider_id: RiderId,
    /// 1 more than before.
    pub version: i64,
}

impl Event for RiderErased {
    const TYPE: EventType = EventType::plain("riders.rider_erased.v1");
    const KEYS: &'static [Key] = &[RIDER];
}

impl EntityEvent for RiderErased {
    type Entity = Rider;

    fn into_version(self) -> Versioned<Rider> {
        Versioned::removed(self.rider_id.to_string(), self.version)
    }
}
