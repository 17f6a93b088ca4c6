//! A hall that holds seats, sells them and sends ushers, with ordinary steps and with bulk steps.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use ballet::{
    Does, Failure, Migration, Participant, Saga, SagaId, Tx, Undoes, compensated,
    compensated_silently, done, refused,
};

use crate::bulk::together::Together;

ballet_testkit::events! {
    OrderPlaced = "orders.order_placed.v1" { seats: i64, wish: String }
    OrderConfirmed = "orders.order_confirmed.v1"
    OrderCancelled = "orders.order_cancelled.v1"
    UsherWanted = "orders.usher_wanted.v1" { usher: String }
    UsherDeclined = "orders.usher_declined.v1" { usher: String }
    SeatsHeld = "hall.seats_held.v1" { seats: i64 }
    SeatsShort = "hall.seats_short.v1" { wanted: i64 }
    SeatsFreed = "hall.seats_freed.v1" { seats: i64 }
    WishNoted = "hall.wish_noted.v1" { wish: String }
    SeatsSold = "hall.seats_sold.v1" { seats: i64 }
    UsherSent = "hall.usher_sent.v1" { usher: String }
    HallOpened = "hall.hall_opened.v1" { seats: i64 }
}

pub(crate) struct Show;

impl Saga for Show {
    const NAME: &'static str = "show";
    const OWNER: &'static str = "orders";
    type Abort = OrderCancelled;
}

pub(crate) const TABLES: &[Migration] = &[Migration {
    name: "0001_hall",
    sql: "create table held (saga_id uuid primary key, seats bigint not null,
              sold boolean not null default false);
          create table usher (saga_id uuid not null, usher text not null);
          create table wish (saga_id uuid not null, wish text not null);
          create table done (at bigserial, saga_id uuid not null, what text not null);
          create table shelf (name text primary key, taken bigint not null default 0);
          insert into shelf values ('mug'), ('spoon')",
}];

/// The maximum number of seats of an order.
pub(crate) const MOST: i64 = 8;

/// The hall, but for one step that stays an ordinary one. `longest` becomes the length of the longest run.
pub(crate) fn bulk(longest: &Arc<AtomicUsize>) -> Participant {
    Participant::new("hall")
        .saga::<Show>(|saga| {
            saga.compensatable(Together::new(HoldSeats, longest))
                .compensatable(NoteWish)
                .repeating(Together::new(SendUsher, longest), |declined: &UsherDeclined| {
                    declined.usher.clone()
                })
                .retriable(Together::new(SellSeats, longest))
        })
        .publishes::<HallOpened>()
}

fn saga(tx: &Tx<'_>) -> SagaId {
    tx.saga_id().expect("a saga")
}

/// Writes down what is done for a saga, in its order.
async fn log(tx: &mut Tx<'_>, what: &str) -> Result<(), Failure> {
    let saga = saga(tx).0;
    sqlx::query("insert into done (saga_id, what) values ($1, $2)")
        .bind(saga)
        .bind(what)
        .execute(tx.db())
        .await?;
    Ok(())
}

#[ballet::service("hall", saga = Show, publishes(HallOpened))]
impl Hall {
    /// Holds the seats, if the order is not too large. Opens the hall for the large ones.
    #[compensatable(undo = free_seats)]
    async fn hold_seats(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<SeatsHeld, SeatsShort> {
        log(tx, "hold").await?;
        let seats = order.seats;
        if seats > MOST {
            return refused(SeatsShort { wanted: seats });
        }
        if seats == MOST {
            tx.publish(&HallOpened { seats }).await?;
        }
        sqlx::query("insert into held values ($1, $2)")
            .bind(saga(tx).0)
            .bind(seats)
            .execute(tx.db())
            .await?;
        done(SeatsHeld { seats })
    }

    async fn free_seats(tx: &mut Tx<'_>, held: SeatsHeld) -> Undoes<SeatsFreed> {
        log(tx, "free").await?;
        let saga = saga(tx).0;
        sqlx::query("delete from held where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated(SeatsFreed { seats: held.seats })
    }

    /// Notes the customer's wish: an ordinary step on the same event, in both participants.
    #[compensatable(undo = forget_wish)]
    async fn note_wish(tx: &mut Tx<'_>, order: OrderPlaced) -> Does<WishNoted> {
        log(tx, "note").await?;
        if order.wish == "trouble" {
            return Err(Failure::permanent("there is no ink").into());
        }
        sqlx::query("insert into wish values ($1, $2)")
            .bind(saga(tx).0)
            .bind(&order.wish)
            .execute(tx.db())
            .await?;
        done(WishNoted { wish: order.wish })
    }

    async fn forget_wish(tx: &mut Tx<'_>, _: WishNoted) -> Undoes {
        log(tx, "forget").await?;
        let saga = saga(tx).0;
        sqlx::query("delete from wish where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated_silently()
    }

    /// Sends an usher, and another if one declines.
    #[repeating(
        undo = recall_usher,
        key = |wanted| wanted.usher.clone(),
        undone_by = |declined: &UsherDeclined| declined.usher.clone()
    )]
    async fn send_usher(tx: &mut Tx<'_>, wanted: UsherWanted) -> Does<UsherSent> {
        log(tx, "send").await?;
        sqlx::query("insert into usher values ($1, $2)")
            .bind(saga(tx).0)
            .bind(&wanted.usher)
            .execute(tx.db())
            .await?;
        done(UsherSent { usher: wanted.usher })
    }

    async fn recall_usher(tx: &mut Tx<'_>, sent: UsherSent) -> Undoes {
        log(tx, "recall").await?;
        sqlx::query("delete from usher where saga_id = $1 and usher = $2")
            .bind(saga(tx).0)
            .bind(sent.usher)
            .execute(tx.db())
            .await?;
        compensated_silently()
    }

    /// Sells what is held.
    #[retriable]
    async fn sell_seats(tx: &mut Tx<'_>, _: OrderConfirmed) -> Does<SeatsSold> {
        log(tx, "sell").await?;
        let sold: Option<(i64,)> =
            sqlx::query_as("update held set sold = true where saga_id = $1 returning seats")
                .bind(saga(tx).0)
                .fetch_optional(tx.db())
                .await?;
        let Some((seats,)) = sold else {
            return Err(Failure::permanent("no seats are held").into());
        };
        done(SeatsSold { seats })
    }
}
