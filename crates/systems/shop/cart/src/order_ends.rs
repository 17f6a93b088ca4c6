//! Ends the checkout of a cart when its order has ended. Only the first end counts. Orders that were not checked out
//! here are ignored.

use ballet::{Failure, Tx};
use shop_events::cart::{CartCleared, CartReopened, ClearReason};
use shop_events::orders::{CancelReason, OrderCancelled};
use shop_events::{CartId, OrderId};

use crate::cart::{Cart, CartStatus};
use crate::checkout::{self, can_be_mended};
use crate::store;

pub(crate) async fn confirmed(tx: &mut Tx<'_>, order_id: OrderId) -> Result<(), Failure> {
    let now = tx.now();
    let end = store::checkout::OrderEnd { status: checkout::CheckoutStatus::Confirmed, why: None };
    match store::checkout::end(tx.db(), order_id, &end, now).await? {
        Some(cart_id) => close(tx, cart_id, order_id, ClearReason::OrderConfirmed).await,
        None => Ok(()),
    }
}

/// Clears the cart if the customer cancelled.
pub(crate) async fn cancelled(tx: &mut Tx<'_>, order: OrderCancelled) -> Result<(), Failure> {
    let OrderCancelled { order_id, reason, failed_step: _, detail } = order;
    let (why, now) = (Some((reason, detail)), tx.now());
    let end = store::checkout::OrderEnd { status: checkout::CheckoutStatus::Cancelled, why };
    match store::checkout::end(tx.db(), order_id, &end, now).await? {
        Some(cart_id) if can_be_mended(reason) => reopen(tx, cart_id, order_id, reason).await,
        Some(cart_id) => close(tx, cart_id, order_id, ClearReason::OrderCancelled).await,
        None => Ok(()),
    }
}

async fn reopen(
    tx: &mut Tx<'_>,
    cart_id: CartId,
    order_id: OrderId,
    reason: CancelReason,
) -> Result<(), Failure> {
    let mut cart = of_order(tx, cart_id, order_id).await?;
    cart.status = CartStatus::Open;
    let now = tx.now();
    store::cart::save(tx.db(), &mut cart, now).await?;
    let customer_id = cart.customer_id;
    tx.publish(&CartReopened { cart_id, customer_id, order_id, reason }).await
}

async fn close(
    tx: &mut Tx<'_>,
    cart_id: CartId,
    order_id: OrderId,
    reason: ClearReason,
) -> Result<(), Failure> {
    let mut cart = of_order(tx, cart_id, order_id).await?;
    cart.status = CartStatus::Closed;
    cart.clear();
    let now = tx.now();
    store::cart::save(tx.db(), &mut cart, now).await?;
    let customer_id = cart.customer_id;
    tx.publish(&CartCleared { cart_id, customer_id, reason, order_id: Some(order_id) }).await
}

/// Returns the cart whose checkout is this order. In any other status it does not wait for the order's end.
async fn of_order(tx: &mut Tx<'_>, cart_id: CartId, order_id: OrderId) -> Result<Cart, Failure> {
    let cart = store::cart::find_to_change(tx.db(), cart_id).await?;
    cart.filter(|cart| cart.status == CartStatus::CheckedOut && cart.order_id == Some(order_id))
        .ok_or_else(|| {
            Failure::permanent(format!("cart {cart_id} is not checked out as order {order_id}"))
        })
}
