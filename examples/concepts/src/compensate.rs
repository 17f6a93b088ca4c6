//! Compensate: the snack bar puts popcorn aside for an order, and puts it back if the order is cancelled.
//!
//! The compensation gets the event that the step published. It runs only if the step did, and once; if the
//! cancellation comes first, the step never runs.

use ballet::{
    Does, Migration, Service, Tx, Undoes, compensated, compensated_silently, done, event,
};
use uuid::Uuid;

use crate::ticket_order::{TicketOrder, TicketsOrdered};

#[event("snack_bar.popcorn_put_aside.v1", in_saga, keys(order = order_id))]
pub struct PopcornPutAside {
    pub order_id: Uuid,
    pub bags: u16,
}

#[event("snack_bar.popcorn_put_back.v1", in_saga, keys(order = order_id))]
pub struct PopcornPutBack {
    pub order_id: Uuid,
    pub bags: u16,
}

#[ballet::service("snack_bar", saga = TicketOrder, migrations = TABLES)]
impl SnackBar {
    /// Missing popcorn is popped, so there is no reason to refuse.
    #[compensatable(undo = put_popcorn_back)]
    async fn put_popcorn_aside(tx: &mut Tx<'_>, order: TicketsOrdered) -> Does<PopcornPutAside> {
        let TicketsOrdered { order_id, popcorn: bags, .. } = order;
        put_on_shelf(tx, -i32::from(bags)).await?;
        done(PopcornPutAside { order_id, bags })
    }

    async fn put_popcorn_back(tx: &mut Tx<'_>, aside: PopcornPutAside) -> Undoes<PopcornPutBack> {
        let PopcornPutAside { order_id, bags } = aside;
        if bags == 0 {
            // Nobody needs to hear that nothing was put back.
            return compensated_silently();
        }
        put_on_shelf(tx, i32::from(bags)).await?;
        compensated(PopcornPutBack { order_id, bags })
    }
}

async fn put_on_shelf(tx: &mut Tx<'_>, bags: i32) -> Result<(), sqlx::Error> {
    sqlx::query("update shelf set bags = bags + $1").bind(bags).execute(tx.db()).await?;
    Ok(())
}

const TABLES: &[Migration] = &[Migration {
    name: "0001_shelf",
    sql: "create table shelf (bags int not null);
          insert into shelf values (100)",
}];

#[must_use]
pub fn service() -> Service {
    SnackBar::service()
}
