//! The owner under exploration: it begins a sale, decides its end, and has a step of its own that
//! may have to be undone.

use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Owner, Participant, Step, StepResult,
    Tx, compensated, done,
};

use jiff::SignedDuration;

use crate::sale::{
    Cancelled, Captured, Confirmed, Gifted, NotCaptured, Overdue, Placed, Praised, Sale, Ungifted,
    Wanted, saga,
};

pub(crate) const SALES_TABLES: &[Migration] = &[Migration {
    name: "0001_sale",
    sql: "create table sale (saga_id uuid primary key, state text not null);
          create table ending (saga_id uuid not null, state text not null);
          create table gift (saga_id uuid not null, taken_back boolean not null default false);
          create index on gift (saga_id)",
}];

pub(crate) fn sales() -> Participant {
    Participant::new("sales").owns(Sales, |saga| {
        saga.starts(Begin)
            .aborts_on(|_: NotCaptured| Cancelled { reason: "refused".into() })
            .deadline(
                SignedDuration::from_hours(1),
                |_| Overdue {},
                |_: Overdue| Cancelled { reason: "deadline".into() },
            )
            .decides(Confirm)
            .compensatable(Gift)
    })
}

struct Sales;

impl Owner for Sales {
    type Saga = Sale;

    async fn abort(&self, tx: &mut Tx<'_>, abort_event: &Cancelled) -> Result<(), Failure> {
        end(tx, &format!("cancelled: {}", abort_event.reason)).await
    }
}

/// Every ending is noted: there must be one.
async fn end(tx: &mut Tx<'_>, state: &str) -> Result<(), Failure> {
    let saga = saga(tx)?;
    sqlx::query("insert into ending values ($1, $2)")
        .bind(saga)
        .bind(state)
        .execute(tx.db())
        .await?;
    sqlx::query("update sale set state = $2 where saga_id = $1")
        .bind(saga)
        .bind(state)
        .execute(tx.db())
        .await?;
    Ok(())
}

struct Begin;

impl Step for Begin {
    const NAME: &'static str = "begin";
    type On = Wanted;
    type Done = Placed;
    type Refused = Cancelled;

    async fn run(&self, tx: &mut Tx<'_>, _: Wanted) -> StepResult<Self> {
        let saga = saga(tx)?;
        sqlx::query("insert into sale values ($1, 'placed')").bind(saga).execute(tx.db()).await?;
        done(Placed {})
    }
}

struct Confirm;

impl Step for Confirm {
    const NAME: &'static str = "confirm";
    type On = Captured;
    type Done = Confirmed;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: Captured) -> StepResult<Self> {
        end(tx, "confirmed").await?;
        done(Confirmed {})
    }
}

struct Gift;

impl Step for Gift {
    const NAME: &'static str = "gift";
    type On = Praised;
    type Done = Gifted;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: Praised) -> StepResult<Self> {
        let saga = saga(tx)?;
        sqlx::query("insert into gift values ($1)").bind(saga).execute(tx.db()).await?;
        done(Gifted {})
    }
}

impl Compensate for Gift {
    type Compensated = Ungifted;

    async fn compensate(&self, tx: &mut Tx<'_>, _: Gifted) -> CompensateResult<Self> {
        let saga = saga(tx)?;
        sqlx::query("update gift set taken_back = true where saga_id = $1")
            .bind(saga)
            .execute(tx.db())
            .await?;
        compensated(Ungifted {})
    }
}
