//! React to an event with a local step: the door prints tickets for a paid order.
//!
//! The tickets and the event that reports them commit in one transaction, with the note that the step is done. So a
//! message that comes twice, even under another id, prints nothing again.

use ballet::{Does, Migration, Service, Tx, done, event};
use uuid::Uuid;

use crate::ticket_order::{OrderConfirmed, TicketOrder};

#[event("door.tickets_printed.v1", in_saga, keys(order = order_id))]
pub struct TicketsPrinted {
    pub order_id: Uuid,
    pub tickets: u16,
}

#[ballet::service("door", saga = TicketOrder, migrations = TABLES)]
impl Door {
    /// Retriable: it waits for the decision, after which nothing is aborted, so it needs no compensation.
    #[retriable]
    async fn print_tickets(tx: &mut Tx<'_>, order: OrderConfirmed) -> Does<TicketsPrinted> {
        let OrderConfirmed { order_id, seats: tickets, .. } = order;
        let print = "insert into ticket (order_id, number) select $1, generate_series(1, $2)";
        sqlx::query(print).bind(order_id).bind(i32::from(tickets)).execute(tx.db()).await?;
        done(TicketsPrinted { order_id, tickets })
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_ticket",
    // Without a primary key, so that only the framework prevents a second ticket.
    sql: "create table ticket (order_id uuid not null, number int not null)",
}];

#[must_use]
pub fn service() -> Service {
    Door::service()
}
