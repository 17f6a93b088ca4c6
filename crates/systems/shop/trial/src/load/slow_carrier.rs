//! A carrier that in one country answers only after weeks, by the clock of its process. A run in which time passes
//! fast uses it for orders whose deadline passes.

use ballet::calls::CallKey;
use ballet::{Clock, Failure};
use common::outside::Reply;
use jiff::{SignedDuration, Timestamp};
use shipping::carrier::{
    Booking, BookingCancelled, BookingRequest, Carrier, Parcel, ParcelDelivered,
};
use shipping::sandbox::Sandbox;

/// Greenland.
pub(crate) const COUNTRY: &str = "GL";
/// A time longer than any deadline of an order, which is at most 30 days.
const TAKES: SignedDuration = SignedDuration::from_hours(40 * 24);

#[derive(Debug)]
pub(crate) struct SlowCarrier {
    clock: Clock,
    sandbox: Sandbox,
}

impl SlowCarrier {
    pub(crate) const fn new(clock: Clock, sandbox: Sandbox) -> Self {
        Self { clock, sandbox }
    }
}

impl Carrier for SlowCarrier {
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking> {
        let asked = began_at(key);
        let waits = request.ship_to.country.as_str() == COUNTRY
            && self.clock.now().duration_since(asked) < TAKES;
        if waits {
            return Box::pin(async { Err(Failure::transient("the ship has not sailed")) });
        }
        self.sandbox.book(key, request)
    }

    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, BookingCancelled> {
        self.sandbox.cancel(key, request)
    }

    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, ParcelDelivered> {
        self.sandbox.delivered(key, request)
    }
}

/// Returns when the call's saga began. The key begins with that time
/// (docs/decisions/0032-a-calls-key-follows-from-what-it-is-for.md).
fn began_at(key: CallKey) -> Timestamp {
    let millis = i64::try_from(key.0.as_u128() >> 80).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}
