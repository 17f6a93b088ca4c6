//! The saga in which most examples take part, and those of its events that other services read. A real system has
//! them in a crate of their own, as the shop has `shop-events`.
//!
//! ```text
//! box_office  TicketsOrdered -+-> snack_bar  PopcornPutAside
//!                             +-> hall  SeatsHeld --> cashier  CardCharged --> box_office  OrderConfirmed
//!                                   |                   |                                    |
//!                                 SoldOut            CardDeclined            door, club, board, foyer
//!                                   +-------------------+--> box_office  OrderCancelled: everybody compensates
//! ```

use ballet::{event, saga};
use uuid::Uuid;

/// From the order to the printed tickets.
#[saga("ticket_order", owner = "box_office", abort = OrderCancelled)]
pub struct TicketOrder;

/// A guest ordered tickets: the saga begins. People ask for it by its key: `ballet sagas show order=...`.
#[event("box_office.tickets_ordered.v1", in_saga, keys(order = order_id.made_here()))]
pub struct TicketsOrdered {
    /// The order, which is also the id of the saga.
    pub order_id: Uuid,
    pub show: String,
    pub seats: u16,
    /// Bags of popcorn.
    pub popcorn: u16,
    pub price_cents: i64,
    /// The card processor's token for the guest's card.
    pub card: String,
}

#[event("hall.seats_held.v1", in_saga, keys(order = order_id))]
pub struct SeatsHeld {
    pub order_id: Uuid,
    pub show: String,
    pub seats: u16,
}

#[event("hall.sold_out.v1", in_saga, keys(order = order_id))]
pub struct SoldOut {
    pub order_id: Uuid,
}

#[event("cashier.card_charged.v1", in_saga, keys(order = order_id))]
pub struct CardCharged {
    pub order_id: Uuid,
    pub price_cents: i64,
}

#[event("cashier.card_declined.v1", in_saga, keys(order = order_id))]
pub struct CardDeclined {
    pub order_id: Uuid,
    pub reason: String,
}

/// The order is paid, and can no longer be cancelled.
#[event("box_office.order_confirmed.v1", in_saga, keys(order = order_id))]
pub struct OrderConfirmed {
    pub order_id: Uuid,
    pub guest: String,
    pub seats: u16,
}

/// There will be no tickets: every service compensates its part.
#[event("box_office.order_cancelled.v1", in_saga, keys(order = order_id))]
pub struct OrderCancelled {
    pub order_id: Uuid,
    pub reason: String,
}
