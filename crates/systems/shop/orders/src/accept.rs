//! Accepts checkouts: places their orders, and cancels those that are invalid.

use ballet::Failure;
use ballet::bulk::{BulkTx, DoesAll, Item};
use ballet::core::id;
use shop_events::OrderId;
use shop_events::cart::CartCheckedOut;
use shop_events::orders::{OrderCancelled, OrderPlaced};

use crate::prices::{self, NotOffered, PricedCheckout};
use crate::{cancel, checkout, store};

pub(crate) async fn accept(
    tx: &mut BulkTx<'_>,
    checkouts: Vec<Item<CartCheckedOut>>,
) -> DoesAll<OrderPlaced, OrderCancelled> {
    let now = tx.now();
    let made = checkouts.into_iter().map(|Item { saga_id, event, .. }| {
        let order_id = OrderId::from(saga_id.0);
        // A checkout that waited, or comes again after a restore, has the prices of its own time.
        let at = id::time_of(saga_id.0).map_or(now, |at| at.min(now));
        let order = checkout::place(order_id, event, now);
        (order.map_err(|impossible| cancel::impossible(order_id, &impossible)), at)
    });
    let (orders, times): (Vec<_>, Vec<_>) = made.unzip();
    let named = orders.iter().zip(times).map(|(order, at)| {
        let lines = order.as_ref().map_or(&[][..], |order| &order.lines);
        PricedCheckout { lines, at }
    });
    let judged = prices::judge(tx.db(), &named.collect::<Vec<_>>()).await?;
    let mut outcomes = Vec::with_capacity(orders.len());
    for (order, judged) in orders.into_iter().zip(judged) {
        outcomes.push(match (order, judged) {
            (Ok(order), Err(NotOffered::Wrong(impossible))) => {
                Err(cancel::impossible(order.order_id, &impossible))
            }
            (Ok(_), Err(not_yet @ NotOffered::NotYet { .. })) => {
                return Err(Failure::not_yet(not_yet.to_string()));
            }
            (outcome, _) => outcome,
        });
    }
    // A refused one has no row yet: the following abort writes it.
    let placed: Vec<_> = outcomes.iter().flatten().collect();
    store::place_all(tx.db(), &placed).await?;
    Ok(outcomes)
}
