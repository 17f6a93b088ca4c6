//! The owner begins a sale in one of three ways, decides its end, and has an own step that may have to be undone. It
//! also owns a warranty under the same id.

use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Owner, Participant, Saga, Step,
    StepResult, Tx, compensated, done, refused,
};

use jiff::SignedDuration;

use crate::sale::{
    Booked, Cancelled, Captured, Confirmed, Gifted, NotCaptured, Overdue, Placed, Posted, Praised,
    Requested, Sale, Ungifted, Wanted, saga,
};

ballet_testkit::events! {
    WarrantyWanted = starts_saga "crowd.warranty_wanted.v1"
    WarrantyBegun = "sales.warranty_begun.v1"
    WarrantyOverdue = "sales.warranty_overdue.v1"
    WarrantyEnded = "sales.warranty_ended.v1"
    SealWanted = "crowd.seal_wanted.v1"
    Sealed = "sales.sealed.v1"
}

/// A request under this name is refused.
pub(crate) const NOBODY: &str = "nobody";

pub(crate) const SALES_TABLES: &[Migration] = &[Migration {
    name: "0001_sale",
    sql: "create table sale (saga_id uuid primary key, state text not null);
          create table ending (saga_id uuid not null, state text not null);
          create table gift (saga_id uuid not null, taken_back boolean not null default false);
          create index on gift (saga_id)",
}];

pub(crate) fn sales() -> Participant {
    const AN_HOUR: SignedDuration = SignedDuration::from_hours(1);
    Participant::new("sales")
        .owns(Sales, |saga| {
            saga.originates::<Requested>("request")
                .starts(Begin)
                .starts(Post)
                .aborts_on(|_: NotCaptured| Cancelled { reason: "refused".into() })
                .deadline(
                    AN_HOUR,
                    |_| Overdue {},
                    |_: Overdue| Cancelled { reason: "deadline".into() },
                )
                .decides(Confirm)
                .compensatable(Gift)
        })
        .owns(Warranties, |saga| {
            saga.starts(BeginWarranty)
                .deadline(AN_HOUR, |_| WarrantyOverdue {}, |_: WarrantyOverdue| WarrantyEnded {})
                .decides(Seal)
        })
}

struct Sales;

impl Owner for Sales {
    type Saga = Sale;

    async fn abort(&self, tx: &mut Tx<'_>, abort_event: &Cancelled) -> Result<(), Failure> {
        end(tx, &format!("cancelled: {}", abort_event.reason)).await
    }
}

/// Each ending is noted; there must be one.
async fn end(tx: &mut Tx<'_>, state: &str) -> Result<(), Failure> {
    let saga = saga(tx)?;
    sqlx::query("insert into ending values ($1, $2)")
        .bind(saga)
        .bind(state)
        .execute(tx.db())
        .await?;
    let ended = "insert into sale values ($1, $2) on conflict (saga_id) do update set state = $2";
    sqlx::query(ended).bind(saga).bind(state).execute(tx.db()).await?;
    Ok(())
}

pub(crate) async fn place(tx: &mut Tx<'_>) -> Result<(), Failure> {
    let saga = saga(tx)?;
    sqlx::query("insert into sale values ($1, 'placed')").bind(saga).execute(tx.db()).await?;
    Ok(())
}

struct Begin;

impl Step for Begin {
    const NAME: &'static str = "begin";
    type On = Wanted;
    type Done = Placed;
    type Refused = Cancelled;

    async fn run(&self, tx: &mut Tx<'_>, _: Wanted) -> StepResult<Self> {
        place(tx).await?;
        done(Placed {})
    }
}

struct Post;

impl Step for Post {
    const NAME: &'static str = "post";
    type On = Posted;
    type Done = Booked;
    type Refused = Cancelled;

    fn key(posted: &Posted) -> Option<String> {
        Some(posted.by.clone())
    }

    async fn run(&self, tx: &mut Tx<'_>, posted: Posted) -> StepResult<Self> {
        if posted.by == NOBODY {
            return refused(Cancelled { reason: "post".into() });
        }
        place(tx).await?;
        done(Booked {})
    }
}

struct Confirm;

impl Step for Confirm {
    const NAME: &'static str = "confirm";
    type On = Captured;
    type Done = Confirmed;
    type Refused = Never;

    fn key(captured: &Captured) -> Option<String> {
        Some(captured.part.to_string())
    }

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

pub(crate) struct Warranty;

impl Saga for Warranty {
    const NAME: &'static str = "warranty";
    const OWNER: &'static str = "sales";
    type Abort = WarrantyEnded;
}

struct Warranties;

impl Owner for Warranties {
    type Saga = Warranty;

    async fn abort(&self, _: &mut Tx<'_>, _: &WarrantyEnded) -> Result<(), Failure> {
        Ok(())
    }
}

struct BeginWarranty;

impl Step for BeginWarranty {
    const NAME: &'static str = "begin_warranty";
    type On = WarrantyWanted;
    type Done = WarrantyBegun;
    type Refused = WarrantyEnded;

    async fn run(&self, _: &mut Tx<'_>, _: WarrantyWanted) -> StepResult<Self> {
        done(WarrantyBegun {})
    }
}

struct Seal;

impl Step for Seal {
    const NAME: &'static str = "seal";
    type On = SealWanted;
    type Done = Sealed;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: SealWanted) -> StepResult<Self> {
        done(Sealed {})
    }
}
