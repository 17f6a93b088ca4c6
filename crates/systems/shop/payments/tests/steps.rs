//! The step suite for every step of payments.

use ballet::calls::CallKey;
use ballet::{Failure, SagaId};
use ballet_testkit::steps;
use ballet_testkit::suite::{Outside, PublishedEvent, StepCase, StepSuite, published};
use common::cards::{Authorization, Authorize, Capture, Provider, Refund, Sandbox, Settle, Void};
use common::outside::Reply;
use shop_events::inventory::StockReserved;
use shop_events::orders::OrderPlaced;
use shop_events::shipping::ShipmentScheduled;
use shop_events::{OrderId, ShipmentId};
use shop_rig::samples::{cancelled, placed};

steps!(payments: authorize_payment, capture_payment);

fn payments() -> StepSuite {
    StepSuite::new(&payments::participant(Sandbox::default()), |settings, outside| {
        let sandbox = Sandbox::new(settings.database_url().expect("a database"));
        payments::service(WatchedProvider { sandbox, outside: outside.clone() })
    })
    .effects("money held", "select order_id, amount_minor from payment where state = 'authorized'")
    .effects(
        "money taken",
        "select order_id, captured_minor from payment where captured_minor > refunded_minor",
    )
    .effects(
        "open at the provider",
        "select order_id, reference from sandbox_operation authorized
         where kind = 'authorize' and result = 'approved' and not exists (
             select from sandbox_operation ended
             where ended.reference = authorized.reference
             and ended.result in ('voided', 'refunded')
         )",
    )
    .records("payment", "select * from payment")
    .records("operation", "select order_id, kind, reference, result from sandbox_operation")
}

/// Authorises the payment, once the goods are held.
fn authorize_payment() -> StepCase {
    StepCase::done_by(|saga| reserved(saga, "card_approved"))
        .refused_by(|saga| reserved(saga, "card_declined"))
        .aborted_by(cancelled)
}

/// Captures the money, once the parcel is booked, and fails without a payment.
fn capture_payment() -> StepCase {
    StepCase::done_by(scheduled)
        .after(|saga| reserved(saga, "card_approved"))
        .refused_by(scheduled)
        .refused_after(|saga| reserved(saga, "card_capture_fails"))
        .aborted_by(cancelled)
        .failing_on(|_| String::new(), scheduled)
}

fn reserved(saga: SagaId, card: &str) -> Vec<PublishedEvent> {
    let placed = OrderPlaced { card_token: card.to_owned(), ..placed(saga) };
    let order_id = placed.order_id;
    vec![published(&placed), published(&StockReserved { order_id, lines: Vec::new() })]
}

fn scheduled(saga: SagaId) -> Vec<PublishedEvent> {
    let (order_id, shipment_id) = (OrderId(saga.0), ShipmentId(saga.0));
    vec![published(&ShipmentScheduled { order_id, shipment_id })]
}

/// The sandbox, through which the suite watches the requests.
#[derive(Debug)]
struct WatchedProvider {
    sandbox: Sandbox,
    outside: Outside,
}

impl WatchedProvider {
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

impl Provider for WatchedProvider {
    fn authorize<'a>(&'a self, key: CallKey, request: &'a Authorize) -> Reply<'a, Authorization> {
        self.ask(key, self.sandbox.authorize(key, request))
    }

    fn capture<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Capture> {
        self.ask(key, self.sandbox.capture(key, request))
    }

    fn void<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Void> {
        self.ask(key, self.sandbox.void(key, request))
    }

    fn refund<'a>(&'a self, key: CallKey, request: &'a Settle) -> Reply<'a, Refund> {
        self.ask(key, self.sandbox.refund(key, request))
    }
}
