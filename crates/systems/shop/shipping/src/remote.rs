//! A carrier behind an HTTP API, as docs/providers.md specifies it.

use std::time::Duration;

use ballet::calls::{CallKey, LookUp};
use common::outside::{
    ApiConnection, NoAnswer as Lost, Operations, Reply, WrongSetting, reply, unexpected,
    unless_about, wanted,
};
use serde::{Deserialize, Serialize};
use shop_events::OrderId;

use crate::carrier::{Booking, BookingCancelled, BookingRequest, Carrier, Parcel, ParcelDelivered};

/// For a parcel on its way, unless the carrier sets another interval. A webhook is earlier.
const ASK_EVERY: Duration = Duration::from_secs(15 * 60);

const NAME: &str = "the carrier";

/// A carrier behind an HTTP API.
#[derive(Debug, Clone)]
pub struct RemoteCarrier(Operations);

/// The result of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum CarrierResult {
    Booked,
    Refused,
    Cancelled,
    Delivered,
}

/// An operation, as the carrier reports it.
#[derive(Debug, Deserialize)]
struct CarrierOperation {
    order_id: OrderId,
    result: CarrierResult,
    tracking: Option<String>,
    reason: Option<String>,
}

impl RemoteCarrier {
    /// Creates a carrier with this connection.
    ///
    /// # Errors
    ///
    /// Returns an error if the connection's settings cannot be used.
    pub fn new(connection: ApiConnection) -> Result<Self, WrongSetting> {
        Operations::new(connection).map(Self)
    }

    /// Checks that the answer is about our order.
    async fn operate(
        &self,
        path: &str,
        key: CallKey,
        request: &(impl Serialize + Sync),
        order_id: OrderId,
    ) -> Result<CarrierOperation, Lost> {
        checked(self.0.request(path, key, request).await?, order_id)
    }

    /// The answer has to be about our parcel, with this result.
    async fn handle(
        &self,
        path: &str,
        key: CallKey,
        request: &Parcel,
        expected: CarrierResult,
    ) -> Result<(), Lost> {
        let operation = self.operate(path, key, request, request.order_id).await?;
        match operation.tracking {
            Some(other) if other != request.tracking => {
                Err(Lost::Foreign("it is about another parcel of the order".to_owned()))
            }
            Some(_) | None if operation.result == expected => Ok(()),
            Some(_) | None => Err(unexpected(path, operation.result)),
        }
    }
}

/// Returns the operation if it is about our order.
fn checked(operation: CarrierOperation, order_id: OrderId) -> Result<CarrierOperation, Lost> {
    unless_about(&order_id, &operation.order_id)?;
    Ok(operation)
}

fn booking(operation: CarrierOperation) -> Result<Booking, Lost> {
    match operation.result {
        CarrierResult::Booked => {
            Ok(Booking::Booked { tracking: wanted("tracking", operation.tracking)? })
        }
        CarrierResult::Refused => {
            Ok(Booking::Refused { reason: wanted("reason", operation.reason)? })
        }
        other => Err(unexpected("/shipments", other)),
    }
}

impl Carrier for RemoteCarrier {
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking> {
        reply(NAME, async move {
            let operation = self.operate("/shipments", key, request, request.order_id).await?;
            booking(operation)
        })
    }

    fn look_up_booking<'a>(
        &'a self,
        key: CallKey,
        request: &'a BookingRequest,
    ) -> Reply<'a, LookUp<Booking>> {
        reply(NAME, async move {
            let known: Option<CarrierOperation> = self.0.look_up(key).await?;
            let booking = |operation| booking(checked(operation, request.order_id)?);
            Ok(known.map(booking).transpose()?.into())
        })
    }

    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, BookingCancelled> {
        reply(NAME, async move {
            self.handle("/cancellations", key, request, CarrierResult::Cancelled).await?;
            Ok(BookingCancelled)
        })
    }

    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, ParcelDelivered> {
        reply(NAME, async move {
            match self.handle("/deliveries", key, request, CarrierResult::Delivered).await {
                Err(Lost::NotYet { after: None }) => Err(Lost::NotYet { after: Some(ASK_EVERY) }),
                handled => handled.map(|()| ParcelDelivered),
            }
        })
    }
}
