//! A hall that holds seats, sells them and sends ushers, with ordinary steps and with bulk steps.

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::{
    Compensate, CompensateResult, Compensated, Failure, Migration, Never, Participant, Saga,
    SagaId, Step, StepResult, Tx, compensated, compensated_silently, done, refused,
};

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
          insert into shelf values ('mug'), ('spoon'), ('bowl');
          create table took (saga_id uuid not null, name text not null);
          create table run (step text not null, items int not null)",
}];

/// The maximum number of seats of an order.
pub(crate) const MOST: i64 = 8;

pub(crate) fn ordinary() -> Participant {
    Participant::new("hall")
        .saga::<Show>(|saga| {
            saga.compensatable(HoldSeats)
                .compensatable(NoteWish)
                .repeating(SendUsher, |declined: &UsherDeclined| declined.usher.clone())
                .retriable(SellSeats)
        })
        .publishes::<HallOpened>()
}

pub(crate) fn bulk() -> Participant {
    Participant::new("hall")
        .saga::<Show>(|saga| {
            saga.compensatable(HoldAllSeats)
                .compensatable(NoteWish)
                .repeating(SendAllUshers, |declined: &UsherDeclined| declined.usher.clone())
                .retriable(SellAllSeats)
        })
        .publishes::<HallOpened>()
}

fn saga(tx: &Tx<'_>) -> SagaId {
    tx.saga_id().expect("a saga")
}

fn ids<E>(items: &[Item<E>]) -> Vec<sqlx::types::Uuid> {
    items.iter().map(|item| item.saga_id.0).collect()
}

async fn log(tx: &mut Tx<'_>, what: &str) -> Result<(), Failure> {
    let saga = saga(tx).0;
    sqlx::query("insert into done (saga_id, what) values ($1, $2)")
        .bind(saga)
        .bind(what)
        .execute(tx.db())
        .await?;
    Ok(())
}

async fn log_all<E>(tx: &mut BulkTx<'_>, items: &[Item<E>], what: &str) -> Result<(), Failure> {
    sqlx::query(
        "insert into done (saga_id, what) select saga_id, $2 from unnest($1::uuid[]) as saga_id",
    )
    .bind(ids(items))
    .bind(what)
    .execute(tx.db())
    .await?;
    let items = i32::try_from(items.len())?;
    sqlx::query("insert into run values ($1, $2)").bind(what).bind(items).execute(tx.db()).await?;
    Ok(())
}

/// Opens the hall for large orders; refuses those that are too large.
struct HoldSeats;

impl Step for HoldSeats {
    const NAME: &'static str = "hold_seats";
    type On = OrderPlaced;
    type Done = SeatsHeld;
    type Refused = SeatsShort;

    async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
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
}

impl Compensate for HoldSeats {
    type Compensated = SeatsFreed;

    async fn compensate(&self, tx: &mut Tx<'_>, held: SeatsHeld) -> CompensateResult<Self> {
        log(tx, "free").await?;
        let saga = saga(tx).0;
        sqlx::query("delete from held where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated(SeatsFreed { seats: held.seats })
    }
}

pub(crate) struct HoldAllSeats;

impl Step for HoldAllSeats {
    const NAME: &'static str = "hold_seats";
    const TOGETHER: bool = true;
    type On = OrderPlaced;
    type Done = SeatsHeld;
    type Refused = SeatsShort;

    async fn run_all(
        &self,
        tx: &mut BulkTx<'_>,
        orders: Vec<Item<OrderPlaced>>,
    ) -> BulkResult<Self> {
        log_all(tx, &orders, "hold").await?;
        sqlx::query(
            "insert into held select * from unnest($1::uuid[], $2::bigint[]) as wanted (saga_id, seats)
             where seats <= $3",
        )
        .bind(ids(&orders))
        .bind(orders.iter().map(|order| order.seats).collect::<Vec<_>>())
        .bind(MOST)
        .execute(tx.db())
        .await?;
        let mut outcomes = Vec::with_capacity(orders.len());
        for order in &orders {
            let seats = order.seats;
            if seats == MOST {
                tx.of(order).publish(&HallOpened { seats }).await?;
            }
            outcomes.push(if seats > MOST {
                Err(SeatsShort { wanted: seats })
            } else {
                Ok(SeatsHeld { seats })
            });
        }
        Ok(outcomes)
    }
}

impl Compensate for HoldAllSeats {
    type Compensated = SeatsFreed;

    async fn compensate_all(
        &self,
        tx: &mut BulkTx<'_>,
        held: Vec<Item<SeatsHeld>>,
    ) -> BulkCompensateResult<Self> {
        log_all(tx, &held, "free").await?;
        sqlx::query("delete from held where saga_id = any($1)")
            .bind(ids(&held))
            .execute(tx.db())
            .await?;
        Ok(held.iter().map(|held| Compensated::With(SeatsFreed { seats: held.seats })).collect())
    }
}

/// An ordinary step on the same event, in both participants.
struct NoteWish;

impl Step for NoteWish {
    const NAME: &'static str = "note_wish";
    type On = OrderPlaced;
    type Done = WishNoted;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, order: OrderPlaced) -> StepResult<Self> {
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
}

impl Compensate for NoteWish {
    type Compensated = Never;

    async fn compensate(&self, tx: &mut Tx<'_>, _: WishNoted) -> CompensateResult<Self> {
        log(tx, "forget").await?;
        let saga = saga(tx).0;
        sqlx::query("delete from wish where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated_silently()
    }
}

struct SendUsher;

impl Step for SendUsher {
    const NAME: &'static str = "send_usher";
    type On = UsherWanted;
    type Done = UsherSent;
    type Refused = Never;

    fn key(wanted: &UsherWanted) -> Option<String> {
        Some(wanted.usher.clone())
    }

    async fn run(&self, tx: &mut Tx<'_>, wanted: UsherWanted) -> StepResult<Self> {
        log(tx, "send").await?;
        sqlx::query("insert into usher values ($1, $2)")
            .bind(saga(tx).0)
            .bind(&wanted.usher)
            .execute(tx.db())
            .await?;
        done(UsherSent { usher: wanted.usher })
    }
}

impl Compensate for SendUsher {
    type Compensated = Never;

    async fn compensate(&self, tx: &mut Tx<'_>, sent: UsherSent) -> CompensateResult<Self> {
        log(tx, "recall").await?;
        sqlx::query("delete from usher where saga_id = $1 and usher = $2")
            .bind(saga(tx).0)
            .bind(sent.usher)
            .execute(tx.db())
            .await?;
        compensated_silently()
    }
}

struct SendAllUshers;

impl Step for SendAllUshers {
    const NAME: &'static str = "send_usher";
    const TOGETHER: bool = true;
    type On = UsherWanted;
    type Done = UsherSent;
    type Refused = Never;

    fn key(wanted: &UsherWanted) -> Option<String> {
        Some(wanted.usher.clone())
    }

    async fn run_all(
        &self,
        tx: &mut BulkTx<'_>,
        wanted: Vec<Item<UsherWanted>>,
    ) -> BulkResult<Self> {
        log_all(tx, &wanted, "send").await?;
        sqlx::query("insert into usher select * from unnest($1::uuid[], $2::text[])")
            .bind(ids(&wanted))
            .bind(wanted.iter().map(|wanted| wanted.usher.as_str()).collect::<Vec<_>>())
            .execute(tx.db())
            .await?;
        let sent = |wanted: Item<UsherWanted>| UsherSent { usher: wanted.event.usher };
        Ok(wanted.into_iter().map(sent).map(Ok).collect())
    }
}

impl Compensate for SendAllUshers {
    type Compensated = Never;

    async fn compensate_all(
        &self,
        tx: &mut BulkTx<'_>,
        sent: Vec<Item<UsherSent>>,
    ) -> BulkCompensateResult<Self> {
        log_all(tx, &sent, "recall").await?;
        sqlx::query(
            "delete from usher using unnest($1::uuid[], $2::text[]) as sent (saga_id, usher)
             where usher.saga_id = sent.saga_id and usher.usher = sent.usher",
        )
        .bind(ids(&sent))
        .bind(sent.iter().map(|sent| sent.usher.as_str()).collect::<Vec<_>>())
        .execute(tx.db())
        .await?;
        Ok(sent.iter().map(|_| Compensated::Silently).collect())
    }
}

struct SellSeats;

impl Step for SellSeats {
    const NAME: &'static str = "sell_seats";
    type On = OrderConfirmed;
    type Done = SeatsSold;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: OrderConfirmed) -> StepResult<Self> {
        log(tx, "sell").await?;
        let sold: Option<(i64,)> =
            sqlx::query_as("update held set sold = true where saga_id = $1 returning seats")
                .bind(saga(tx).0)
                .fetch_optional(tx.db())
                .await?;
        let Some((seats,)) = sold else { return Err(nothing_held().into()) };
        done(SeatsSold { seats })
    }
}

struct SellAllSeats;

impl Step for SellAllSeats {
    const NAME: &'static str = "sell_seats";
    const TOGETHER: bool = true;
    type On = OrderConfirmed;
    type Done = SeatsSold;
    type Refused = Never;

    async fn run_all(
        &self,
        tx: &mut BulkTx<'_>,
        on: Vec<Item<OrderConfirmed>>,
    ) -> BulkResult<Self> {
        log_all(tx, &on, "sell").await?;
        let sold: Vec<(sqlx::types::Uuid, i64)> = sqlx::query_as(
            "update held set sold = true where saga_id = any($1) returning saga_id, seats",
        )
        .bind(ids(&on))
        .fetch_all(tx.db())
        .await?;
        let sold: std::collections::HashMap<_, _> = sold.into_iter().collect();
        let outcome = |order: &Item<OrderConfirmed>| match sold.get(&order.saga_id.0) {
            Some(seats) => Ok(Ok(SeatsSold { seats: *seats })),
            None => Err(nothing_held()),
        };
        on.iter().map(outcome).collect()
    }
}

fn nothing_held() -> Failure {
    Failure::permanent("no seats are held")
}
