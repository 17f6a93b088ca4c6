//! The contestant `ballet`: ordinary handlers, as in the README.

use ballet::bulk::Item;
use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Owner, Participant, Rows, Service,
    Step, StepResult, Tx, compensated, done, refused,
};
use sqlx::PgConnection;

use crate::saga4::business::{self, Move};
use crate::saga4::contract::{
    Cancelled, Closed, MovedB, MovedC, MovedD, Opened, Order, RefusedC, Saga4, UndoneB, UndoneC,
    UndoneD, Wanted,
};

pub(crate) const MIGRATIONS: &[Migration] =
    &[Migration { name: "0001_business", sql: business::TABLES }];

/// The declarations of a service. `None` if there is no such service.
#[must_use]
pub fn participant(service: &str) -> Option<Participant> {
    Some(match service {
        "a" => Participant::new("a").owns(Opener, |saga| {
            saga.starts(Open).aborts_on(|no: RefusedC| Cancelled(no.0)).decides(Close)
        }),
        "b" => Participant::new("b").saga::<Saga4>(|saga| saga.compensatable(MoveB)),
        "c" => Participant::new("c").saga::<Saga4>(|saga| saga.compensatable(MoveC)),
        "d" => Participant::new("d").saga::<Saga4>(|saga| saga.pivot(MoveD)),
        _ => return None,
    })
}

/// The service. `None` if there is no such service.
#[must_use]
pub fn service(service: &str) -> Option<Service> {
    Some(Service::new(participant(service)?).migrations(MIGRATIONS))
}

pub(crate) struct Opener;

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
    let change = Move { saga_id, step, account: order.account, amount: sign * order.amount };
    Ok(business::apply(tx.db(), &change).await?)
}

/// The shared rows that these orders touch.
pub(crate) fn accounts<'a>(orders: impl Iterator<Item = &'a Order>) -> Rows {
    Rows::of("account", orders.map(|order| order.account.to_string()))
}

macro_rules! steps {
    ($($step:ident $name:literal: $on:ident => $done:ident or $refused:ty;)+) => {$(
        struct $step;

        impl Step for $step {
            const NAME: &'static str = $name;
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
        }
    )+};
}

macro_rules! compensations {
    ($($step:ident => $undone:ident;)+) => {$(
        impl Compensate for $step {
            type Compensated = $undone;

            async fn compensate_touches(
                _: &mut PgConnection,
                done: &[Item<Self::Done>],
            ) -> Result<Rows, Failure> {
                Ok(accounts(done.iter().map(|item| &item.event.0)))
            }

            async fn compensate(
                &self,
                tx: &mut Tx<'_>,
                done: Self::Done,
            ) -> CompensateResult<Self> {
                book(tx, "undo", &done.0, -1).await?;
                compensated($undone(done.0))
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

struct MoveC;

impl Step for MoveC {
    const NAME: &'static str = "move";
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
}
