//! The interface to a carrier.

use std::fmt;

use ballet::calls::{CallKey, LookUp};
use common::outside::{Reply, cannot_look_up};
use serde::{Deserialize, Serialize};
use shop_events::{Address, OrderId, ShipmentId};

/// A carrier. A request under one idempotency key takes effect once and has one answer, however often it is repeated.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Books the collection and delivery of a parcel.
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking>;
    /// Cancels a booking.
    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, BookingCancelled>;
    /// Waits until a parcel is delivered. No answer means that it is still on its way.
    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, ParcelDelivered>;
    /// Returns the outcome of a request to collect a parcel. By default the carrier cannot be asked for it.
    fn look_up_booking<'a>(
        &'a self,
        _key: CallKey,
        _request: &'a BookingRequest,
    ) -> Reply<'a, LookUp<Booking>> {
        cannot_look_up()
    }
}

/// A request to collect a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingRequest {
    /// The order, which the carrier prints on the label as our reference.
    pub order_id: OrderId,
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// The delivery address.
    pub ship_to: Address,
}

/// A request about a booked parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The order.
    pub order_id: OrderId,
    /// The carrier's tracking number.
    pub tracking: String,
}

/// The answer to a request to collect a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Booking {
    /// The carrier will collect it.
    Booked {
        /// The carrier's tracking number.
        tracking: String,
    },
    /// The carrier will not collect it.
    Refused {
        /// The carrier's code for the reason.
        reason: String,
    },
}

/// The booking is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookingCancelled;

/// The parcel is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ParcelDelivered;
