//! The contestant `ballet-bulk`: the same steps as bulk handlers.

use ballet::bulk::{BulkCompensateResult, BulkResult, BulkTx, Item};
use ballet::{Compensate, Compensated, Failure, Never, Participant, Rows, Service, Step};
use sqlx::PgConnection;

use crate::contestants::ordinary::{MIGRATIONS, Opener, accounts};
use crate::saga4::business::{self, Move};
use crate::saga4::contract::{
    Cancelled, Closed, MovedB, MovedC, MovedD, Opened, Order, RefusedC, Saga4, UndoneB, UndoneC,
    UndoneD, Wanted,
};

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

/// An event of the saga, which carries its order.
trait CarriesOrder {
    fn order(&self) -> &Order;
}

async fn book<E>(
    tx: &mut BulkTx<'_>,
    step: &'static str,
    items: impl Iterator<Item = &Item<E>>,
    sign: i64,
) -> Result<(), Failure>
where
    E: CarriesOrder + 'static,
{
    let change = |item: &Item<E>| {
        let Order { account, amount, .. } = *item.event.order();
        Move { saga_id: item.saga_id.0, step, account, amount: sign * amount }
    };
    let changes: Vec<Move> = items.map(change).collect();
    Ok(business::apply_all(tx.db(), &changes).await?)
}

macro_rules! carry {
    ($($event:ident)+) => {$(
        impl CarriesOrder for $event {
            fn order(&self) -> &Order {
                &self.0
            }
        }
    )+};
}

carry! { Wanted Opened MovedB MovedC MovedD }

macro_rules! steps {
    ($($step:ident $name:literal: $on:ident => $done:ident or $refused:ty;)+) => {$(
        struct $step;

        impl Step for $step {
            const NAME: &'static str = $name;
            const TOGETHER: bool = true;
            type On = $on;
            type Done = $done;
            type Refused = $refused;

            async fn touches(_: &mut PgConnection, on: &[Item<&$on>]) -> Result<Rows, Failure> {
                Ok(accounts(on.iter().map(|item| &item.event.0)))
            }

            async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<$on>>) -> BulkResult<Self> {
                book(tx, $name, on.iter(), 1).await?;
                Ok(on.into_iter().map(|item| Ok($done(item.event.0))).collect())
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

            async fn compensate_all(
                &self,
                tx: &mut BulkTx<'_>,
                done: Vec<Item<Self::Done>>,
            ) -> BulkCompensateResult<Self> {
                book(tx, "undo", done.iter(), -1).await?;
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

struct MoveC;

impl Step for MoveC {
    const NAME: &'static str = "move";
    const TOGETHER: bool = true;
    type On = MovedB;
    type Done = MovedC;
    type Refused = RefusedC;

    async fn touches(_: &mut PgConnection, on: &[Item<&MovedB>]) -> Result<Rows, Failure> {
        Ok(accounts(on.iter().map(|item| &item.event.0)))
    }

    async fn run_all(&self, tx: &mut BulkTx<'_>, on: Vec<Item<MovedB>>) -> BulkResult<Self> {
        book(tx, Self::NAME, on.iter().filter(|item| !item.event.0.refused), 1).await?;
        let outcome = |item: Item<MovedB>| {
            let order = item.event.0;
            if order.refused { Err(RefusedC(order)) } else { Ok(MovedC(order)) }
        };
        Ok(on.into_iter().map(outcome).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::ordinary;
    use crate::saga4::contract::SERVICES;

    #[test]
    fn ordinary_and_bulk_handlers_declare_the_same() {
        for service in SERVICES {
            let part = |participant: Option<Participant>| participant.map(|one| one.part());
            assert_eq!(part(participant(service)), part(ordinary::participant(service)));
        }
    }
}
