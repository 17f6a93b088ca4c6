//! The step suite for every step of shipping.

use std::time::Duration;

use ballet::calls::CallKey;
use ballet::{Failure, SagaId};
use ballet_testkit::steps;
use ballet_testkit::suite::{Outside, PublishedEvent, StepCase, StepSuite, published};
use common::outside::Reply;
use shipping::carrier::{
    Booking, BookingCancelled, BookingRequest, Carrier, Parcel, ParcelDelivered,
};
use shipping::sandbox::Sandbox;
use shop_events::orders::OrderConfirmed;
use shop_events::payments::PaymentAuthorized;
use shop_events::shipping::ShipmentDispatched;
use shop_events::{OrderId, ShipmentId};
use shop_rig::samples::{cancelled, money, placed};

steps!(shipping: schedule_shipment, dispatch_shipment, deliver_shipment);

fn shipping() -> StepSuite {
    StepSuite::new(&shipping::participant(Sandbox::default()), |_, outside| {
        let sandbox = Sandbox::new(Duration::ZERO);
        shipping::service(WatchedCarrier { sandbox, outside: outside.clone() })
    })
    .effects(
        "booked",
        "select order_id, shipment_id, state, tracking from shipment
         where state <> 'cancelled'",
    )
    .records("shipment", "select * from shipment")
}

/// Books the carrier, who does not go to Antarctica.
fn schedule_shipment() -> StepCase {
    StepCase::done_by(|saga| authorized(saga, "IE"))
        .refused_by(|saga| authorized(saga, "AQ"))
        .aborted_by(cancelled)
}

/// Hands the parcel over, and fails without a booking. The delivery follows.
fn dispatch_shipment() -> StepCase {
    StepCase::done_by(confirmed)
        .after(|saga| authorized(saga, "IE"))
        .failing_on(|_| String::new(), confirmed)
}

/// Waits for the delivery of the parcel.
fn deliver_shipment() -> StepCase {
    StepCase::done_by(|saga| {
        let (order_id, shipment_id) = (OrderId(saga.0), ShipmentId(saga.0));
        vec![published(&ShipmentDispatched {
            order_id,
            shipment_id,
            tracking: "parcel".to_owned(),
        })]
    })
    .given(|saga| {
        format!(
            "insert into shipment
                 (order_id, shipment_id, state, ship_to, tracking, created_at, changed_at)
             values ('{saga}', '{saga}', 'dispatched', '{{}}', 'parcel',
                 '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z')"
        )
    })
}

fn authorized(saga: SagaId, country: &str) -> Vec<PublishedEvent> {
    let mut placed = placed(saga);
    placed.ship_to.country = country.parse().expect("a country");
    let (order_id, amount) = (placed.order_id, placed.total);
    vec![published(&placed), published(&PaymentAuthorized { order_id, amount })]
}

fn confirmed(saga: SagaId) -> Vec<PublishedEvent> {
    vec![published(&OrderConfirmed { order_id: OrderId(saga.0), total: money(1_500) })]
}

/// The sandbox, through which the suite watches the requests.
#[derive(Debug)]
struct WatchedCarrier {
    sandbox: Sandbox,
    outside: Outside,
}

impl WatchedCarrier {
    fn ask<'a, T>(&'a self, key: CallKey, reply: Reply<'a, T>) -> Reply<'a, T>
    where
        T: Send + 'a,
    {
        Box::pin(async move {
            let lost = || Err(Failure::transient("lost on the way"));
            self.outside.ask(key, reply).await.unwrap_or_else(lost)
        })
    }
}

impl Carrier for WatchedCarrier {
    fn book<'a>(&'a self, key: CallKey, request: &'a BookingRequest) -> Reply<'a, Booking> {
        self.ask(key, self.sandbox.book(key, request))
    }

    fn cancel<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, BookingCancelled> {
        self.ask(key, self.sandbox.cancel(key, request))
    }

    fn delivered<'a>(&'a self, key: CallKey, request: &'a Parcel) -> Reply<'a, ParcelDelivered> {
        self.ask(key, self.sandbox.delivered(key, request))
    }
}
