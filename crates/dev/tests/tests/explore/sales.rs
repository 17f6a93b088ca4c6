//! The owner begins a sale in one of three ways, decides its end, and has an own step that may have to be undone. It
//! also owns a warranty under the same id.

use ballet::{Does, Failure, Migration, Participant, Saga, Tx, Undoes, compensated, done, refused};

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
    Sales::participant()
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
    // Nothing here refuses a second beginning: that is the engine's work.
    let placed = "insert into sale values ($1, 'placed') \
                  on conflict (saga_id) do update set state = 'placed'";
    sqlx::query(placed).bind(saga).execute(tx.db()).await?;
    Ok(())
}

pub(crate) struct Warranty;

impl Saga for Warranty {
    const NAME: &'static str = "warranty";
    const OWNER: &'static str = "sales";
    type Abort = WarrantyEnded;
}

#[ballet::service("sales")]
impl Sales {
    #[owns(
        Sale,
        originates(request = Requested),
        aborts_on(|_: NotCaptured| Cancelled { reason: "refused".into() }),
        deadline("1h", |_| Overdue {}, |_: Overdue| Cancelled { reason: "deadline".into() })
    )]
    async fn cancel(tx: &mut Tx<'_>, abort_event: &Cancelled) -> Result<(), Failure> {
        end(tx, &format!("cancelled: {}", abort_event.reason)).await
    }

    #[starts(saga = Sale)]
    async fn begin(tx: &mut Tx<'_>, _: Wanted) -> Does<Placed, Cancelled> {
        place(tx).await?;
        done(Placed {})
    }

    #[starts(key = |posted| posted.by.clone(), saga = Sale)]
    async fn post(tx: &mut Tx<'_>, posted: Posted) -> Does<Booked, Cancelled> {
        if posted.by == NOBODY {
            return refused(Cancelled { reason: "post".into() });
        }
        place(tx).await?;
        done(Booked {})
    }

    #[decides(key = |captured| captured.part.to_string(), saga = Sale)]
    async fn confirm(tx: &mut Tx<'_>, _: Captured) -> Does<Confirmed> {
        end(tx, "confirmed").await?;
        done(Confirmed {})
    }

    #[compensatable(undo = take_gift_back, saga = Sale)]
    async fn gift(tx: &mut Tx<'_>, _: Praised) -> Does<Gifted> {
        let saga = saga(tx)?;
        sqlx::query("insert into gift values ($1)").bind(saga).execute(tx.db()).await?;
        done(Gifted {})
    }

    async fn take_gift_back(tx: &mut Tx<'_>, _: Gifted) -> Undoes<Ungifted> {
        let saga = saga(tx)?;
        sqlx::query("update gift set taken_back = true where saga_id = $1")
            .bind(saga)
            .execute(tx.db())
            .await?;
        compensated(Ungifted {})
    }

    #[owns(Warranty, deadline("1h", |_| WarrantyOverdue {}, |_: WarrantyOverdue| WarrantyEnded {}))]
    async fn end_warranty(_: &mut Tx<'_>, _: &WarrantyEnded) -> Result<(), Failure> {
        Ok(())
    }

    #[starts(saga = Warranty)]
    async fn begin_warranty(
        _: &mut Tx<'_>,
        _: WarrantyWanted,
    ) -> Does<WarrantyBegun, WarrantyEnded> {
        done(WarrantyBegun {})
    }

    #[decides(saga = Warranty)]
    async fn seal(_: &mut Tx<'_>, _: SealWanted) -> Does<Sealed> {
        done(Sealed {})
    }
}
