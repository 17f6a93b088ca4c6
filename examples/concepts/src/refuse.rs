//! Refuse: the hall holds seats, or says that the show is sold out.
//!
//! A refusal is a business "no": an event, not an error. It is never retried. The saga's owner acts on it with
//! `aborts_on(..)`, see [`begin_a_saga`](crate::begin_a_saga); without that line the system's declaration is not
//! sound, and a test of all services says so.

use ballet::{Does, Migration, Service, Tx, Undoes, compensated, done, event, refused};
use uuid::Uuid;

use crate::ticket_order::{SeatsHeld, SoldOut, TicketOrder, TicketsOrdered};

#[event("hall.seats_freed.v1", in_saga, keys(order = order_id))]
pub struct SeatsFreed {
    pub order_id: Uuid,
}

#[ballet::service("hall", saga = TicketOrder, migrations = TABLES)]
impl Hall {
    #[compensatable(undo = free_seats)]
    pub async fn hold_seats(tx: &mut Tx<'_>, order: TicketsOrdered) -> Does<SeatsHeld, SoldOut> {
        let TicketsOrdered { order_id, show, seats, .. } = order;
        // One statement that looks and takes, so two orders cannot both get the last seat.
        let hold = "update show set free = free - $2 where show = $1 and free >= $2";
        let hold = sqlx::query(hold).bind(&show).bind(i32::from(seats));
        match hold.execute(tx.db()).await?.rows_affected() {
            // A show that is unknown has no seats either.
            0 => refused(SoldOut { order_id }),
            _ => done(SeatsHeld { order_id, show, seats }),
        }
    }

    /// The hall did not refuse, but somebody else did: the card, for instance.
    async fn free_seats(tx: &mut Tx<'_>, held: SeatsHeld) -> Undoes<SeatsFreed> {
        let free = "update show set free = free + $2 where show = $1";
        sqlx::query(free).bind(held.show).bind(i32::from(held.seats)).execute(tx.db()).await?;
        compensated(SeatsFreed { order_id: held.order_id })
    }
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_show",
    sql: "create table show (show text primary key, free int not null);
          insert into show values ('matinee', 100), ('premiere', 2)",
}];

#[must_use]
pub fn service() -> Service {
    Hall::service()
}
