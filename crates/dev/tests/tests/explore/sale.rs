//! Payments of a sale. The amount is authorized by a call (or, in the local variant, noted in a table), and later
//! captured.

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call, known,
};
use ballet::{
    Compensate, CompensateResult, Compensated, Failure, Migration, Participant, Saga, Step,
    StepResult, Tx, compensated, done, refused,
};
use uuid::Uuid;

use crate::outside::{ProviderRequest, SaleProvider};

ballet_testkit::events! {
    Placed = "sales.placed.v1"
    Packed = "sales.packed.v1"
    Cancelled = "sales.cancelled.v1" { reason: String }
    Confirmed = "sales.confirmed.v1"
    Overdue = "sales.overdue.v1"
    Gifted = "sales.gifted.v1"
    Ungifted = "sales.ungifted.v1"
    Praised = "crowd.praised.v1"
    Authorized = "pay.authorized.v1"
    Declined = "pay.declined.v1"
    Released = "pay.released.v1"
    Captured = "pay.captured.v1" { part: u32 }
    NotCaptured = "pay.not_captured.v1"
    Refunded = "pay.refunded.v1"
    /// A sale begins with any of these three.
    Wanted = starts_saga "crowd.wanted.v1"
    Posted = starts_saga "crowd.posted.v1" { by: String }
    Requested = "sales.requested.v1"
    Booked = "sales.booked.v1"
}

pub(crate) struct Sale;

impl Saga for Sale {
    const NAME: &'static str = "sale";
    const OWNER: &'static str = "sales";
    type Abort = Cancelled;
}

pub(crate) const PAY_TABLES: &[Migration] = &[Migration {
    name: "0001_payment",
    sql: "create table captured (saga_id uuid primary key);
          create table hold (saga_id uuid not null, freed boolean not null default false);
          create index on hold (saga_id)",
}];

pub(crate) fn calling(outside: &SaleProvider) -> Participant {
    Participant::new("pay").saga::<Sale>(|saga| {
        saga.compensatable(Authorize(outside.clone())).pivot(Capture(outside.clone()))
    })
}

pub(crate) fn local(outside: &SaleProvider) -> Participant {
    Participant::new("pay")
        .saga::<Sale>(|saga| saga.compensatable(Hold).pivot(Capture(outside.clone())))
}

pub(crate) fn saga(tx: &Tx<'_>) -> Result<Uuid, Failure> {
    tx.saga_id().map(|saga| saga.0).ok_or_else(|| Failure::permanent("no saga"))
}

struct Authorize(SaleProvider);

impl CallStep for Authorize {
    const NAME: &'static str = "first";
    type On = Placed;
    type Done = Authorized;
    type Refused = Declined;
    type Request = Uuid;
    type Answer = bool;

    async fn request(&self, tx: &mut Tx<'_>, _: Placed) -> RequestResult<Self> {
        call(saga(tx)?)
    }

    async fn call(&self, key: CallKey, saga: &Uuid) -> Result<bool, Failure> {
        self.0.ask(key, *saga, ProviderRequest::Authorize).await
    }

    async fn answered(&self, _: &mut Tx<'_>, _: Uuid, yes: bool) -> CallStepResult<Self> {
        if yes { done(Authorized {}) } else { refused(Declined {}) }
    }
}

impl CallCompensate for Authorize {
    type Compensated = Released;
    type UndoRequest = Uuid;
    type UndoAnswer = bool;

    /// A captured payment is refunded, not voided.
    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        _: Authorized,
    ) -> CompensateRequestResult<Self> {
        let saga = saga(tx)?;
        let (captured,): (bool,) =
            sqlx::query_as("select exists (select from captured where saga_id = $1)")
                .bind(saga)
                .fetch_one(tx.db())
                .await?;
        if captured { known(Compensated::Silently) } else { call(saga) }
    }

    async fn compensate_call(&self, key: CallKey, saga: &Uuid) -> Result<bool, Failure> {
        self.0.ask(key, *saga, ProviderRequest::Void).await
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        _: Uuid,
        _: bool,
    ) -> CallCompensateResult<Self> {
        compensated(Released {})
    }
}

struct Hold;

impl Step for Hold {
    const NAME: &'static str = "first";
    type On = Placed;
    type Done = Authorized;
    type Refused = Declined;

    async fn run(&self, tx: &mut Tx<'_>, _: Placed) -> StepResult<Self> {
        let saga = saga(tx)?;
        sqlx::query("insert into hold values ($1)").bind(saga).execute(tx.db()).await?;
        done(Authorized {})
    }
}

impl Compensate for Hold {
    type Compensated = Released;

    async fn compensate(&self, tx: &mut Tx<'_>, _: Authorized) -> CompensateResult<Self> {
        let saga = saga(tx)?;
        sqlx::query("update hold set freed = true where saga_id = $1")
            .bind(saga)
            .execute(tx.db())
            .await?;
        compensated(Released {})
    }
}

struct Capture(SaleProvider);

impl CallStep for Capture {
    const NAME: &'static str = "second";
    type On = Packed;
    type Done = Captured;
    type Refused = NotCaptured;
    type Request = Uuid;
    type Answer = bool;

    async fn request(&self, tx: &mut Tx<'_>, _: Packed) -> RequestResult<Self> {
        call(saga(tx)?)
    }

    async fn call(&self, key: CallKey, saga: &Uuid) -> Result<bool, Failure> {
        self.0.ask(key, *saga, ProviderRequest::Capture).await
    }

    async fn answered(&self, tx: &mut Tx<'_>, saga: Uuid, yes: bool) -> CallStepResult<Self> {
        if !yes {
            return refused(NotCaptured {});
        }
        sqlx::query("insert into captured values ($1)").bind(saga).execute(tx.db()).await?;
        done(Captured { part: 0 })
    }
}

impl CallCompensate for Capture {
    type Compensated = Refunded;
    type UndoRequest = Uuid;
    type UndoAnswer = bool;

    async fn compensate_request(
        &self,
        tx: &mut Tx<'_>,
        _: Captured,
    ) -> CompensateRequestResult<Self> {
        call(saga(tx)?)
    }

    async fn compensate_call(&self, key: CallKey, saga: &Uuid) -> Result<bool, Failure> {
        self.0.ask(key, *saga, ProviderRequest::Refund).await
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        _: Uuid,
        _: bool,
    ) -> CallCompensateResult<Self> {
        compensated(Refunded {})
    }
}
