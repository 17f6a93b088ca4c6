//! A carrier inside this process, for the demo and for tests. It delivers quickly, except to Antarctica (`AQ`).
//!
//! It stores nothing: its answers follow from the request and the key.

use std::time::Duration;

use ballet::calls::CallKey;
use common::outside::Reply;

use crate::carrier::{Booking, BookingCancelled, BookingRequest, Carrier, Parcel, ParcelDelivered};

/// A carrier inside this process.
#[derive(Debug, Clone, Default)]
pub struct Sandbox {
    transit: Duration,
}

impl Sandbox {
    /// Creates a carrier whose deliveries take this long.
    #[must_use]
    pub const fn new(transit: Duration) -> Self {
        Self { transit }
    }
}

impl Carrier for Sandbox {
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking> {
        Box::pin(async move {
            Ok(match request.ship_to.country.as_str() {
                "AQ" => Booking::Refused { reason: "no_service_to_country".to_owned() },
                _ => Booking::Booked { tracking: format!("parcel_{key}") },
            })
        })
    }

    fn cancel<'a>(&'a self, _: CallKey, _: &'a Parcel) -> Reply<'a, BookingCancelled> {
        Box::pin(async { Ok(BookingCancelled) })
    }

    fn delivered<'a>(&'a self, _: CallKey, _: &'a Parcel) -> Reply<'a, ParcelDelivered> {
        Box::pin(async move {
            tokio::time::sleep(self.transit).await;
            Ok(ParcelDelivered)
        })
    }
}
