//! The contestants `ballet` and `ballet-bulk`: ordinary handlers, as in the README, and the same steps in bulk. Both
//! compensate in bulk, the ordinary step given one message at a time. Each may pack its events.

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::{
    Compensate, Compensated, Failure, Migration, Never, Owner, Participant, Rows, Service, Step,
    StepResult, Tx, done, refused,
};
use sqlx::PgConnection;

use crate::contestants::contestant::Form;
use crate::saga4::business::{self, Move};
use crate::saga4::contract::{
    Cancelled, Closed, MovedB, MovedC, MovedD, Opened, Order, RefusedC, Saga4, UndoneB, UndoneC,
    UndoneD, Wanted,
};

const MIGRATIONS: &[Migration] = &[Migration { name: "0001_business", sql: business::TABLES }];

/// The declarations of a service, the same in both forms. `None` for an unknown service.
#[must_use]
pub fn participant(service: &str) -> Option<Participant> {
    declared::<false, false>(service)
}

/// The service in a contestant's form. `None` for an unknown service.
#[must_use]
pub fn service(service: &str, form: Form) -> Option<Service> {
    let declared = match (form.bulk, form.packs) {
        (false, false) => declared::<false, false>(service),
        (false, true) => declared::<false, true>(service),
        (true, false) => declared::<true, false>(service),
        (true, true) => declared::<true, true>(service),
    };
    Some(Service::new(declared?).migrations(MIGRATIONS))
}

fn declared<const BULK: bool, const PACKS: bool>(service: &str) -> Option<Participant> {
    Some(match service {
        "a" => Participant::new("a").owns(Opener::<PACKS>, |saga| {
            let saga =
                saga.starts(Open::<BULK, PACKS>).aborts_on(|no: RefusedC<PACKS>| Cancelled(no.0));
            saga.decides(Close::<BULK, PACKS>)
        }),
        "b" => Participant::new("b")
            .saga::<Saga4<PACKS>>(|saga| saga.compensatable(MoveB::<BULK, PACKS>)),
        "c" => Participant::new("c")
            .saga::<Saga4<PACKS>>(|saga| saga.compensatable(MoveC::<BULK, PACKS>)),
        "d" => Participant::new("d").saga::<Saga4<PACKS>>(|saga| saga.pivot(MoveD::<BULK, PACKS>)),
        _ => return None,
    })
}

struct Opener<const PACKS: bool>;

impl<const PACKS: bool> Owner for Opener<PACKS> {
    type Saga = Saga4<PACKS>;

    async fn abort(&self, tx: &mut Tx<'_>, cancelled: &Cancelled<PACKS>) -> Result<(), Failure> {
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
        struct $step<const BULK: bool, const PACKS: bool>;

        impl<const BULK: bool, const PACKS: bool> Step for $step<BULK, PACKS> {
            const NAME: &'static str = $name;
            const TOGETHER: bool = BULK;
            type On = $on<PACKS>;
            type Done = $done<PACKS>;
            type Refused = $refused;

            async fn touches(_: &mut PgConnection, on: &[Item<&Self::On>]) -> Result<Rows, Failure> {
                Ok(accounts(on.iter().map(|item| &item.event.0)))
            }

            async fn run(&self, tx: &mut Tx<'_>, on: Self::On) -> StepResult<Self> {
                book(tx, $name, &on.0, 1).await?;
                done($done(on.0))
            }

            async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<Self::On>>) -> BulkResult<Self> {
                let change = |item: &Item<Self::On>| Move::of(item.saga_id.0, $name, &item.event.0, 1);
                let changes: Vec<Move> = on.iter().map(change).collect();
                business::apply_all(tx.db(), &changes).await?;
                Ok(on.into_iter().map(|item| Ok($done(item.event.0))).collect())
            }
        }
    )+};
}

macro_rules! compensations {
    ($($step:ident => $undone:ident;)+) => {$(
        impl<const BULK: bool, const PACKS: bool> Compensate for $step<BULK, PACKS> {
            type Compensated = $undone<PACKS>;

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
    Open "open": Wanted => Opened or Cancelled<PACKS>;
    Close "close": MovedD => Closed or Never;
    MoveB "move": Opened => MovedB or Never;
    MoveD "move": MovedC => MovedD or Never;
}

compensations! {
    MoveB => UndoneB;
    MoveC => UndoneC;
    MoveD => UndoneD;
}

struct MoveC<const BULK: bool, const PACKS: bool>;

impl<const BULK: bool, const PACKS: bool> Step for MoveC<BULK, PACKS> {
    const NAME: &'static str = "move";
    const TOGETHER: bool = BULK;
    type On = MovedB<PACKS>;
    type Done = MovedC<PACKS>;
    type Refused = RefusedC<PACKS>;

    async fn touches(_: &mut PgConnection, on: &[Item<&Self::On>]) -> Result<Rows, Failure> {
        Ok(accounts(on.iter().map(|item| &item.event.0)))
    }

    async fn run(&self, tx: &mut Tx<'_>, on: Self::On) -> StepResult<Self> {
        if on.0.refused {
            return refused(RefusedC(on.0));
        }
        book(tx, Self::NAME, &on.0, 1).await?;
        done(MovedC(on.0))
    }

    async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<Self::On>>) -> BulkResult<Self> {
        let taken = on.iter().filter(|item| !item.event.0.refused);
        let change = |item: &Item<Self::On>| Move::of(item.saga_id.0, Self::NAME, &item.event.0, 1);
        let changes: Vec<Move> = taken.map(change).collect();
        business::apply_all(tx.db(), &changes).await?;
        let outcome = |item: Item<Self::On>| match item.event.0 {
            order if order.refused => Err(RefusedC(order)),
            order => Ok(MovedC(order)),
        };
        Ok(on.into_iter().map(outcome).collect())
    }
}
