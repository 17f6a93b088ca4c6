//! All events of the shop with their JSON schemas, from which the documents are generated.

use ballet_core::{CopyRequested, Entity, Event, EventType, Republished};
use schemars::{Schema, schema_for};

use crate::catalog::Product;
use crate::{cart, catalog, inventory, orders, payments, shipping};

/// Returns every event of the shop with its JSON schema, by service and then in the order of the saga. The requests
/// for copies come last.
#[must_use]
pub fn schemas() -> Vec<(EventType, Schema)> {
    macro_rules! of {
        ($($event:ty),+ $(,)?) => { vec![$((<$event as Event>::TYPE, schema_for!($event))),+] };
    }
    let mut schemas = of![
        cart::CartCheckedOut,
        cart::CartReopened,
        cart::CartCleared,
        catalog::ProductPublished,
        catalog::ProductPriceChanged,
        catalog::ProductWithdrawn,
        Republished<Product>,
        inventory::StockReceived,
        inventory::StockReserved,
        inventory::StockReservationFailed,
        inventory::StockReleased,
        inventory::StockCommitted,
        orders::OrderPlaced,
        orders::OrderConfirmed,
        orders::OrderCompleted,
        orders::OrderCancelled,
        orders::OrderDeadlinePassed,
        payments::PaymentAuthorized,
        payments::PaymentDeclined,
        payments::PaymentCaptured,
        payments::PaymentCaptureFailed,
        payments::PaymentVoided,
        payments::PaymentRefunded,
        shipping::ShipmentScheduled,
        shipping::ShipmentRejected,
        shipping::ShipmentCancelled,
        shipping::ShipmentDispatched,
        shipping::ShipmentDelivered,
    ];
    let requests = Product::REQUESTS.iter();
    schemas.extend(requests.map(|request| (*request, schema_for!(CopyRequested))));
    schemas
}
