//! All events of rides with their JSON schemas, from which the documents are generated.

use ballet_core::{CopyRequested, Entity, Event, EventType, Republished};
use schemars::{Schema, schema_for};

use crate::riders::Rider;
use crate::{dispatch, location, riders};

/// Returns every event of rides with its JSON schema, by service and then in the order of the saga. The
/// requests for copies come last.
#[must_use]
pub fn schemas() -> Vec<(EventType, Schema)> {
    macro_rules! of {
        ($($event:ty),+ $(,)?) => { vec![$((<$event as Event>::TYPE, schema_for!($event))),+] };
    }
    let mut schemas = of![
        riders::RiderRegistered,
        riders::RiderChanged,
        riders::RiderErased,
        Republished<Rider>,
        location::DriverOnline,
        location::DriverOffline,
        location::DriverReserved,
        location::NoDriverNearby,
        location::ReservationCancelled,
        location::DriverReleased,
        dispatch::RideRequested,
        dispatch::FareHeld,
        dispatch::PaymentDeclined,
        dispatch::FareReleased,
        dispatch::DriverWanted,
        dispatch::RideOffered,
        dispatch::OfferWithdrawn,
        dispatch::OfferAccepted,
        dispatch::OfferEnded,
        dispatch::DriverAssigned,
        dispatch::DriverUnassigned,
        dispatch::RiderPickedUp,
        dispatch::RideStarted,
        dispatch::RideCompleted,
        dispatch::FareCharged,
        dispatch::RideCancelled,
        dispatch::RideDeadlinePassed,
    ];
    let requests = Rider::REQUESTS.iter();
    schemas.extend(requests.map(|request| (*request, schema_for!(CopyRequested))));
    schemas
}
