//! All events of the shop with their JSON schemas, from which the documents are generated.

use ballet_core::{Event, EventType};
use schemars::{Schema, schema_for};

use crate::{cart, catalog, inventory, orders, payments, shipping};

/// Every event of the shop with its JSON schema, by service and then in the order of the saga.
#[must_use]
pub fn schemas() -> Vec<(EventType, Schema)> {
    macro_rules! of {
        ($($event:ty),+ $(,)?) => { vec![$((<$event as Event>::TYPE, schema_for!($event))),+] };
    }
    of![
        cart::CartCheckedOut,
        catalog::ProductPublished,
        catalog::ProductPriceChanged,
        catalog::ProductWithdrawn,
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
    ]
}
