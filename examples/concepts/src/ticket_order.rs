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

use ballet::{Event, EventType, Key, Saga};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// From the order to the printed tickets.
#[derive(Debug)]
pub struct TicketOrder;

impl Saga for TicketOrder {
    const NAME: &'static str = "ticket_order";
    const OWNER: &'static str = "box_office";
    type Abort = OrderCancelled;
}

/// The field by which people ask for the saga: `ballet sagas show order=...`.
pub const ORDER: Key = Key::of("order", "order_id");

/// A guest ordered tickets: the saga begins.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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

impl Event for TicketsOrdered {
    const TYPE: EventType = EventType::in_saga("box_office.tickets_ordered.v1");
    const KEYS: &'static [Key] = &[ORDER.made_here()];
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SeatsHeld {
    pub order_id: Uuid,
    pub show: String,
    pub seats: u16,
}

impl Event for SeatsHeld {
    const TYPE: EventType = EventType::in_saga("hall.seats_held.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SoldOut {
    pub order_id: Uuid,
}

impl Event for SoldOut {
    const TYPE: EventType = EventType::in_saga("hall.sold_out.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CardCharged {
    pub order_id: Uuid,
    pub price_cents: i64,
}

impl Event for CardCharged {
    const TYPE: EventType = EventType::in_saga("cashier.card_charged.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct CardDeclined {
    pub order_id: Uuid,
    pub reason: String,
}

impl Event for CardDeclined {
    const TYPE: EventType = EventType::in_saga("cashier.card_declined.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// The order is paid, and can no longer be cancelled.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct OrderConfirmed {
    pub order_id: Uuid,
    pub guest: String,
    pub seats: u16,
}

impl Event for OrderConfirmed {
    const TYPE: EventType = EventType::in_saga("box_office.order_confirmed.v1");
    const KEYS: &'static [Key] = &[ORDER];
}

/// There will be no tickets: every service compensates its part.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct OrderCancelled {
    pub order_id: Uuid,
    pub reason: String,
}

impl Event for OrderCancelled {
    const TYPE: EventType = EventType::in_saga("box_office.order_cancelled.v1");
    const KEYS: &'static [Key] = &[ORDER];
}
