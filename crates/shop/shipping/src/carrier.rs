//! The carrier, as shipping sees it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use ballet::CallKey;
use serde::{Deserialize, Serialize};
use shop_events::{Address, OrderId, ShipmentId};

/// Somebody who takes parcels to people. Each request has an idempotency key: however often it is
/// made, at once or later, it takes effect once and has one answer.
pub trait Carrier: fmt::Debug + Send + Sync + 'static {
    /// Has a parcel fetched and taken to an address.
    fn book<'a>(&'a self, key: CallKey, request: &'a Book) -> Reply<'a, Booking>;
    /// Does not have it fetched after all.
    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, Cancelled>;
    /// Waits until a parcel is at the door. No answer means that it is still on its way.
    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, Delivered>;
}

/// The answer, some time.
pub type Reply<'a, Answer> = Pin<Box<dyn Future<Output = Result<Answer, NoAnswer>> + Send + 'a>>;

/// The outcome is unknown: ask again, under the same key.
#[derive(Debug, thiserror::Error)]
#[error("the carrier gives no answer: {0}")]
pub struct NoAnswer(pub String);

/// Asks to fetch a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// The order, which the carrier prints on the label as our reference.
    pub order_id: OrderId,
    /// The parcel.
    pub shipment_id: ShipmentId,
    /// Where it goes.
    pub ship_to: Address,
}

/// Asks for something about a parcel that is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// The order that is in it.
    pub order_id: OrderId,
    /// The carrier's number.
    pub tracking: String,
}

/// What the carrier says when asked to fetch a parcel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Booking {
    /// It will come.
    Booked {
        /// The carrier's number for the parcel.
        tracking: String,
    },
    /// It will not.
    Refused {
        /// The carrier's word for why.
        reason: String,
    },
}

/// The carrier will not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cancelled;

/// The parcel is at the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered;
