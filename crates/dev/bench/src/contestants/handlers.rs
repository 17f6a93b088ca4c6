//! The contestants `ballet` and `ballet-bulk`: ordinary handlers, as in the README, and the same steps in bulk. Both
//! compensate in bulk, the ordinary step given one message at a time.

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::{
    Compensate, Compensated, Failure, Migration, Never, Owner, Participant, Rows, Service, Step,
    StepResult, Tx, done, refused,
};
use sqlx::PgConnection;

use crate::saga4::business::{self, Move};
use crate::saga4::contract::{
    Cancelled, Closed, MovedB, MovedC, MovedD, Opened, Order, RefusedC, Saga4, UndoneB, UndoneC,
    UndoneD, Wanted,
};

const MIGRATIONS: &[Migration] = &[Migration { name: "0001_business", sql: business::TABLES }];

/// The declarations of a service, the same in both forms. `None` for an unknown service.
#[must_use]
pub fn participant(service: &str) -> Option<Participant> {
    declared::<false>(service)
}

/// The service, with ordinary or bulk handlers. `None` for an unknown service.
#[must_use]
pub fn service(service: &str, bulk: bool) -> Option<Service> {
    let declared = if bulk { declared::<true>(service) } else { declared::<false>(service) };
    Some(Service::new(declared?).migrations(MIGRATIONS))
}

fn declared<const BULK: bool>(service: &str) -> Option<Participant> {
    Some(match service {
        "a" => Participant::new("a").owns(Opener, |saga| {
            let saga = saga.starts(Open::<BULK>).aborts_on(|no: RefusedC| Cancelled(no.0));
            saga.decides(Close::<BULK>)
        }),
        "b" => Participant::new("b").saga::<Saga4>(|saga| saga.compensatable(MoveB::<BULK>)),
        "c" => Participant::new("c").saga::<Saga4>(|saga| saga.compensatable(MoveC::<BULK>)),
        "d" => Participant::new("d").saga::<Saga4>(|saga| saga.pivot(MoveD::<BULK>)),
        _ => return None,
    })
}

struct Opener;

impl Owner for Opener {
    type Saga = Saga4;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &Cancelled) -> Result<(), Failure> {
        book(tx, "cancel", &cancelled.0, -1).await
    }
}

async fn book(
    tx: &mut Tx<'_>,
    step: &'static str,
    order: &Order,
    sign: i64,
) -> Result<(), Failure> {
    let saga_id = tx.saga_id().ok_or_else(|| Failure::permanent("no saga"))?.0;
    Ok(business::apply(tx.db(), &Move::of(saga_id, step, order, sign)).await?)
}

fn accounts<'a>(orders: impl Iterator<Item = &'a Order>) -> Rows {
    Rows::of("account", orders.map(|order| order.account.to_string()))
}

macro_rules! steps {
    ($($step:ident $name:literal: $on:ident => $done:ident or $refused:ty;)+) => {$(
        struct $step<const BULK: bool>;

        impl<const BULK: bool> Step for $step<BULK> {
            const NAME: &'static str = $name;
            const TOGETHER: bool = BULK;
            type On = $on;
            type Done = $done;
            type Refused = $refused;

            async fn touches(_: &mut PgConnection, on: &[Item<&$on>]) -> Result<Rows, Failure> {
                Ok(accounts(on.iter().map(|item| &item.event.0)))
            }

            async fn run(&self, tx: &mut Tx<'_>, on: $on) -> StepResult<Self> {
                book(tx, $name, &on.0, 1).await?;
                done($done(on.0))
            }

            async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<$on>>) -> BulkResult<Self> {
                let change = |item: &Item<$on>| Move::of(item.saga_id.0, $name, &item.event.0, 1);
                let changes: Vec<Move> = on.iter().map(change).collect();
                business::apply_all(tx.db(), &changes).await?;
                Ok(on.into_iter().map(|item| Ok($done(item.event.0))).collect())
            }
        }
    )+};
}

macro_rules! compensations {
    ($($step:ident => $undone:ident;)+) => {$(
        impl<const BULK: bool> Compensate for $step<BULK> {
            type Compensated = $undone;

            async fn compensate_touches(
                _: &mut PgConnection,
                done: &[Item<Self::Done>],
            ) -> Result<Rows, Failure> {
                Ok(accounts(done.iter().map(|item| &item.event.0)))
            }

            /// An ordinary step gets one item at a time.
            async fn compensate_all(
                &self,
                tx: &mut BulkTx<'_>,
                done: Vec<Item<Self::Done>>,
            ) -> BulkCompensateResult<Self> {
                let change =
                    |item: &Item<Self::Done>| Move::of(item.saga_id.0, "undo", &item.event.0, -1);
                let changes: Vec<Move> = done.iter().map(change).collect();
                business::apply_all(tx.db(), &changes).await?;
                Ok(done.into_iter().map(|item| Compensated::With($undone(item.event.0))).collect())
            }
        }
    )+};
}

steps! {
    Open "open": Wanted => Opened or Cancelled;
    Close "close": MovedD => Closed or Never;
    MoveB "move": Opened => MovedB or Never;
    MoveD "move": MovedC => MovedD or Never;
}

compensations! {
    MoveB => UndoneB;
    MoveC => UndoneC;
    MoveD => UndoneD;
}

struct MoveC<const BULK: bool>;

impl<const BULK: bool> Step for MoveC<BULK> {
    const NAME: &'static str = "move";
    const TOGETHER: bool = BULK;
    type On = MovedB;
    type Done = MovedC;
    type Refused = RefusedC;

    async fn touches(_: &mut PgConnection, on: &[Item<&MovedB>]) -> Result<Rows, Failure> {
        Ok(accounts(on.iter().map(|item| &item.event.0)))
    }

    async fn run(&self, tx: &mut Tx<'_>, on: MovedB) -> StepResult<Self> {
        if on.0.refused {
            return refused(RefusedC(on.0));
        }
        book(tx, Self::NAME, &on.0, 1).await?;
        done(MovedC(on.0))
    }

    async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<MovedB>>) -> BulkResult<Self> {
        let taken = on.iter().filter(|item| !item.event.0.refused);
        let change = |item: &Item<MovedB>| Move::of(item.saga_id.0, Self::NAME, &item.event.0, 1);
        let changes: Vec<Move> = taken.map(change).collect();
        business::apply_all(tx.db(), &changes).await?;
        let outcome = |item: Item<MovedB>| match item.event.0 {
            order if order.refused => Err(RefusedC(order)),
            order => Ok(MovedC(order)),
        };
        Ok(on.into_iter().map(outcome).collect())
    }
}
