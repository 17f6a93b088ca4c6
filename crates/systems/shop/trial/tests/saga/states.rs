//! The states of rows: tables and types have the same.

use ballet_testkit::{assert_states, variants};
use cart::{CartStatus, CheckoutStatus};
use common::cards::sandbox::OperationKind;
use inventory::ReservationState;
use orders::OrderStatus;
use payments::PaymentState;
use shipping::ShipmentState;

use crate::shop::Shop;

pub(crate) async fn each_state_that_a_table_allows_is_one_of_its_type(shop: &Shop) {
    let carts = [
        ("cart.status", variants::<CartStatus>()),
        ("checkout.status", variants::<CheckoutStatus>()),
    ];
    let payments = [
        ("payment.state", variants::<PaymentState>()),
        ("sandbox_operation.kind", variants::<OperationKind>()),
    ];
    for (service, types) in [
        ("cart", &carts[..]),
        ("catalog", &[]),
        ("inventory", &[("reservation.state", variants::<ReservationState>())]),
        ("orders", &[("customer_order.status", variants::<OrderStatus>())]),
        ("payments", &payments),
        ("recommendations", &[]),
        ("shipping", &[("shipment.state", variants::<ShipmentState>())]),
    ] {
        assert_states(shop.env.database_url(service), types).await;
    }
}
