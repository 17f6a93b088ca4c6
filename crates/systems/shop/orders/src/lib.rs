//! Orders: places, confirms and cancels orders. It owns the saga `order_fulfillment`. The capture, a refusal, a
//! cancellation and the deadline compete: the first that is committed to the order's row decides how the saga ends.
//! Catalog sets the prices: orders keeps a copy of the products to judge those of a checkout.

#![warn(missing_docs)]

mod cancel;
mod checkout;
pub mod config;
mod history;
mod http;
mod idempotency;
mod offer;
mod order;
mod pages;
mod prices;
mod projections;
mod refusals;
mod requests;
pub mod steps;
mod store;

use ballet::{Migration, Participant, Service, migrations};
use ballet_openapi::Document;
use jiff::SignedDuration;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::orders::OrderPlaced;

use crate::config::OrderSettings;
use crate::projections::{NotePage, NotePrice, NoteProduct, NoteWithdrawal};
use crate::steps::{AcceptCheckout, CompleteOrder, ConfirmOrder, OrderRow};

pub use crate::order::OrderStatus;

/// Returns the participant. An order that is not paid within the deadline is cancelled.
#[must_use]
pub fn participant(deadline: SignedDuration) -> Participant {
    let participant = Participant::new("orders")
        .copies::<Product>(|copy| {
            copy.fed_by::<ProductPublished>()
                .fed_by::<ProductPriceChanged>()
                .fed_by::<ProductWithdrawn>()
        })
        .projects(NoteProduct)
        .projects(NotePrice)
        .projects(NoteWithdrawal)
        .projects(NotePage);
    participant.owns(OrderRow, |saga| {
        saga.originates::<OrderPlaced>("place_order")
            .starts(AcceptCheckout)
            .aborts_on(cancel::stock_reservation_failed)
            .aborts_on(cancel::payment_declined)
            .aborts_on(cancel::shipment_rejected)
            .aborts_on(cancel::capture_failed)
            .deadline(deadline, cancel::overdue, cancel::deadline_passed)
            .decides(ConfirmOrder)
            .retriable(CompleteOrder)
    })
}

/// The service's tables.
const MIGRATIONS: &[Migration] = migrations! {
    in "../../../../../migrations/orders",
    "0001_order",
    "0002_confirmed",
    "0003_by_customer",
    "0004_key",
    "0005_offer",
    "0006_offer_of_copy",
    "0007_unpaid",
};

/// Returns the service: its participant, its tables, its HTTP routes.
#[must_use]
pub fn service(settings: impl Into<OrderSettings>) -> Service {
    let settings = settings.into();
    Service::new(participant(settings.deadline()))
        .migrations(MIGRATIONS)
        .routes(move |handle| http::routes(handle, settings))
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
