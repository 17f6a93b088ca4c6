//! Orders: places, confirms and cancels orders. It owns the saga `order_fulfillment`. The capture, a refusal, a
//! cancellation and the deadline compete: the first that is committed to the order's row wins. Catalog sets the
//! prices, of which orders has a copy.

#![warn(missing_docs)]

mod accept;
mod cancel;
mod checkout;
pub mod config;
mod history;
mod http;
mod offer;
mod order;
mod prices;
mod refusals;
mod requests;
mod store;

use ballet::bulk::{BulkTx, DoesAll, Item};
use ballet::core::Republished;
use ballet::openapi::Document;
use ballet::{Does, Failure, Tx, done};
use shop_events::OrderFulfillment;
use shop_events::cart::CartCheckedOut;
use shop_events::catalog::{Product, ProductPriceChanged, ProductPublished, ProductWithdrawn};
use shop_events::inventory::StockCommitted;
use shop_events::orders::{OrderCancelled, OrderCompleted, OrderConfirmed, OrderPlaced};
use shop_events::payments::PaymentCaptured;
use shop_events::shipping::ShipmentDelivered;

use crate::config::OrderSettings;

pub use crate::order::OrderStatus;

/// The shop's orders. One that is not paid within the deadline is cancelled.
///
/// Every message that feeds the copy of the products also stores a version's price. A late event fills its gap.
#[derive(Debug)]
pub struct Orders(pub OrderSettings);

#[ballet::service(
    "orders",
    migrations = "../../../../migrations/orders",
    copies(Product, fed_by(ProductPublished, ProductPriceChanged, ProductWithdrawn)),
    routes = move |handle| http::routes(handle, self.0)
)]
impl Orders {
    /// The first change that is committed to the order's row wins.
    #[owns(
        OrderFulfillment,
        originates(place_order = OrderPlaced),
        aborts_on(
            cancel::stock_reservation_failed,
            cancel::payment_declined,
            cancel::shipment_rejected,
            cancel::capture_failed
        ),
        deadline(self.0.deadline(), cancel::overdue, cancel::deadline_passed)
    )]
    async fn order_row(tx: &mut Tx<'_>, cancelled: &OrderCancelled) -> Result<(), Failure> {
        let now = tx.now();
        store::cancel(tx.db(), cancelled, now).await
    }

    /// Places the orders of checkouts, and cancels those that are invalid.
    #[starts]
    async fn accept_checkout(
        tx: &mut BulkTx<'_>,
        checkouts: Vec<Item<CartCheckedOut>>,
    ) -> DoesAll<OrderPlaced, OrderCancelled> {
        accept::accept(tx, checkouts).await
    }

    /// Records that the money is captured: all of it, and no more. After this step the saga is never aborted.
    #[decides]
    async fn confirm_order(tx: &mut Tx<'_>, payment: PaymentCaptured) -> Does<OrderConfirmed> {
        let now = tx.now();
        store::confirm(tx.db(), payment.order_id, payment.amount, now).await?;
        done(OrderConfirmed { order_id: payment.order_id, total: payment.amount })
    }

    /// Closes the order when the goods are both sold and delivered.
    #[retriable]
    async fn complete_order(
        tx: &mut Tx<'_>,
        _: StockCommitted,
        shipment: ShipmentDelivered,
    ) -> Does<OrderCompleted> {
        let now = tx.now();
        store::complete(tx.db(), shipment.order_id, now).await?;
        done(OrderCompleted { order_id: shipment.order_id })
    }

    /// Stores the first price.
    #[projects]
    async fn note_product(
        tx: &mut Tx<'_>,
        ProductPublished(product): ProductPublished,
    ) -> Result<(), Failure> {
        offer::note(tx.db(), &[(&product, Some(product.price))]).await
    }

    /// Stores another price.
    #[projects]
    async fn note_price(
        tx: &mut Tx<'_>,
        ProductPriceChanged(product): ProductPriceChanged,
    ) -> Result<(), Failure> {
        offer::note(tx.db(), &[(&product, Some(product.price))]).await
    }

    /// Stores that there is no price any more.
    #[projects]
    async fn note_withdrawal(
        tx: &mut Tx<'_>,
        ProductWithdrawn(product): ProductWithdrawn,
    ) -> Result<(), Failure> {
        offer::note(tx.db(), &[(&product, None)]).await
    }

    /// Stores the prices of a page that fills the copy, because perhaps no event ever brings them. The page does not
    /// say when a product was withdrawn.
    #[projects]
    async fn note_page(tx: &mut Tx<'_>, page: Republished<Product>) -> Result<(), Failure> {
        let products = page.entities.iter().filter_map(|product| product.state.as_ref());
        let products: Vec<_> = products.map(|product| (product, Some(product.price))).collect();
        offer::note(tx.db(), &products).await
    }
}

/// Returns the OpenAPI document of the HTTP routes.
#[must_use]
pub fn openapi() -> Document {
    http::api().document()
}
