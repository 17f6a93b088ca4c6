//! A saga of two services that is refused and compensated. `cargo run -p hello` runs and draws it:
//!
//! 1. `orders` takes an order of three seats.
//! 2. `hall` holds them, in its own database.
//! 3. `orders` charges the card, which is declined, and cancels the order.
//! 4. `hall` hears of that and frees the seats.
//!
//! Neither service calls the other. Each reacts to events, and undoes its own part.

use ballet::{Does, Failure, Migration, Tx, Undoes, event, saga, service};
use ballet::{compensated, compensated_silently, done, refused};

/// From the order to the tickets. Its owner decides how it ends.
#[saga("ticket_order", owner = "orders", abort = OrderCancelled)]
struct TicketOrder;

#[event("orders.order_placed.v1", in_saga)]
struct OrderPlaced {
    seats: i32,
}

#[event("hall.seats_held.v1", in_saga)]
struct SeatsHeld {
    seats: i32,
}

#[event("hall.seats_freed.v1", in_saga)]
struct SeatsFreed {}

#[event("orders.card_charged.v1", in_saga)]
struct CardCharged {}

#[event("orders.card_declined.v1", in_saga)]
struct CardDeclined {
    reason: String,
}

#[event("orders.order_confirmed.v1", in_saga)]
struct OrderConfirmed {}

#[event("orders.order_cancelled.v1", in_saga)]
struct OrderCancelled {}

const SEATS: &str = "create table hall (free int not null); insert into hall values (100)";

#[service("hall", saga = TicketOrder, migrations = &[Migration { name: "0001_hall", sql: SEATS }])]
impl Hall {
    #[compensatable(undo = free_seats)]
    async fn hold_seats(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<SeatsHeld> {
        sqlx::query("update hall set free = free - $1").bind(order.seats).execute(tx.db()).await?;
        done(SeatsHeld { seats: order.seats })
    }

    /// Runs if the saga is aborted, with the very event that `hold_seats` published.
    async fn free_seats(tx: &mut Tx<'_>, held: SeatsHeld) -> Undoes<SeatsFreed> {
        sqlx::query("update hall set free = free + $1").bind(held.seats).execute(tx.db()).await?;
        compensated(SeatsFreed {})
    }
}

#[service("orders")]
impl Orders {
    /// Would write the cancellation to the order's row. This small service keeps no rows.
    #[owns(TicketOrder, originates(place_order = OrderPlaced),
           aborts_on(|_: CardDeclined| OrderCancelled {}))]
    async fn cancel_order(_: &mut Tx<'_>, _: &OrderCancelled) -> Result<(), Failure> {
        Ok(())
    }

    #[compensatable(undo = refund)]
    async fn charge_card(_: &mut Tx<'_>, held: SeatsHeld) -> Does<CardCharged, CardDeclined> {
        let reason = format!("the card pays for 2 seats, not {}", held.seats);
        if held.seats > 2 { refused(CardDeclined { reason }) } else { done(CardCharged {}) }
    }

    async fn refund(_: &mut Tx<'_>, _: CardCharged) -> Undoes {
        compensated_silently()
    }

    /// Runs only if the order has not been cancelled before.
    #[decides]
    async fn confirm_order(_: &mut Tx<'_>, _: CardCharged) -> Does<OrderConfirmed> {
        done(OrderConfirmed {})
    }
}

fn main() -> std::process::ExitCode {
    ballet_stage::show_one_saga(vec![Orders::service(), Hall::service()], OrderPlaced { seats: 3 })
}
