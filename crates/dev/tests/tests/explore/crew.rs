//! A crew under exploration. Its steps repeat under keys, in two sagas that share an id, beside joins that share an
//! event, and steps of two versions.

use ballet::calls::{
    CallCompensate, CallCompensateResult, CallKey, CallStep, CallStepResult,
    CompensateRequestResult, RequestResult, call,
};
use ballet::{
    Compensate, CompensateResult, Failure, Migration, Never, Participant, Saga, Step, StepResult,
    Tx, compensated, done,
};
use uuid::Uuid;

use crate::outside::{ProviderRequest, SaleProvider, account_of};
use crate::sale::{Sale, saga};

ballet_testkit::events! {
    Hire = "sales.hire.v1" { who: String, rate: f64 }
    Dismiss = "sales.dismiss.v1" { who: String }
    /// Each outcome has another field, and so has each part of a join: one that is taken for another cannot be read.
    Hired = "crew.hired.v1" { saga: Uuid, hired: String, rate: f64 }
    Dismissed = "crew.dismissed.v1" { saga: Uuid, who: String, rate: f64 }
    Rent = "sales.rent.v1" { who: String, rate: f64 }
    Return = "sales.return.v1" { who: String }
    Rented = "crew.rented.v1" { saga: Uuid, rented: String, rate: f64 }
    Returned = "crew.returned.v1" { saga: Uuid, who: String, rate: f64 }
    Insure = "cover.insure.v1" { who: String, rate: f64 }
    Lapse = "cover.lapse.v1" { who: String }
    Insured = "crew.insured.v1" { saga: Uuid, insured: String, rate: f64 }
    Lapsed = "crew.lapsed.v1" { saga: Uuid, who: String, rate: f64 }
    CoverEnded = "cover.ended.v1"
    Arranged = "sales.arranged.v1" { arranged: Uuid }
    Paid = "sales.paid.v1" { paid: Uuid }
    Shipped = "sales.shipped.v1" { shipped: Uuid }
    Loaded = "crew.loaded.v1" { first: Uuid, second: Uuid }
    Unloaded = "crew.unloaded.v1" { first: Uuid, second: Uuid, third: Uuid }
    Carry = "sales.carry.v1"
    CarryV2 = "sales.carry.v2"
    Carried = "crew.carried.v1" { version: u32 }
}

pub(crate) struct Cover;

impl Saga for Cover {
    const NAME: &'static str = "cover";
    const OWNER: &'static str = "cover";
    type Abort = CoverEnded;
}

pub(crate) const CREW_TABLES: &[Migration] = &[Migration {
    name: "0001_note",
    sql: "create table note (saga_id uuid not null, step text not null, who text not null,
              struck boolean not null default false);
          create index on note (saga_id)",
}];

pub(crate) fn crew(outside: &SaleProvider) -> Participant {
    Participant::new("crew")
        .saga::<Sale>(|saga| {
            saga.repeating(HireOne, |of: &Dismiss| of.who.clone())
                .repeating(RentOne(outside.clone()), |of: &Return| of.who.clone())
                .retriable(Load)
                .retriable(Unload)
                .until(1, |old| old.retriable(CarryOld))
                .since(2, |new| new.retriable(CarryNew))
        })
        .saga::<Cover>(|saga| saga.repeating(InsureOne, |of: &Lapse| of.who.clone()))
}

/// Their compensation strikes out whom the outcome names.
macro_rules! noting {
    ($($step:ident = $name:literal: $on:ident => $done:ident $whom:ident, $undone:ident)+) => {$(
        struct $step;

        impl Step for $step {
            const NAME: &'static str = $name;
            type On = $on;
            type Done = $done;
            type Refused = Never;

            fn key(on: &$on) -> Option<String> {
                Some(on.who.clone())
            }

            async fn run(&self, tx: &mut Tx<'_>, on: $on) -> StepResult<Self> {
                let saga = saga(tx)?;
                sqlx::query("insert into note values ($1, $2, $3)")
                    .bind(saga)
                    .bind($name)
                    .bind(&on.who)
                    .execute(tx.db())
                    .await?;
                done($done { saga, $whom: on.who, rate: on.rate })
            }
        }

        impl Compensate for $step {
            type Compensated = $undone;

            async fn compensate(&self, tx: &mut Tx<'_>, noted: $done) -> CompensateResult<Self> {
                let $done { saga, $whom: who, rate } = noted;
                sqlx::query(
                    "update note set struck = true where saga_id = $1 and step = $2 and who = $3",
                )
                .bind(saga)
                .bind($name)
                .bind(&who)
                .execute(tx.db())
                .await?;
                compensated($undone { saga, who, rate })
            }
        }
    )+};
}

noting! {
    HireOne = "hire": Hire => Hired hired, Dismissed
    InsureOne = "insure": Insure => Insured insured, Lapsed
}

struct RentOne(SaleProvider);

impl CallStep for RentOne {
    const NAME: &'static str = "rent";
    type On = Rent;
    type Done = Rented;
    type Refused = Never;
    type Request = (Uuid, String, f64);
    type Answer = f64;

    fn key(on: &Rent) -> Option<String> {
        Some(on.who.clone())
    }

    async fn request(&self, tx: &mut Tx<'_>, on: Rent) -> RequestResult<Self> {
        call((saga(tx)?, on.who, on.rate))
    }

    async fn call(&self, key: CallKey, (saga, who, rate): &Self::Request) -> Result<f64, Failure> {
        self.0.ask(key, account_of(*saga, who), ProviderRequest::Authorize).await?;
        Ok(*rate)
    }

    async fn answered(
        &self,
        _: &mut Tx<'_>,
        (saga, who, _): Self::Request,
        rate: f64,
    ) -> CallStepResult<Self> {
        done(Rented { saga, rented: who, rate })
    }
}

impl CallCompensate for RentOne {
    type Compensated = Returned;
    type UndoRequest = (Uuid, String, f64);
    type UndoAnswer = bool;

    async fn compensate_request(
        &self,
        _: &mut Tx<'_>,
        rented: Rented,
    ) -> CompensateRequestResult<Self> {
        call((rented.saga, rented.rented, rented.rate))
    }

    async fn compensate_call(
        &self,
        key: CallKey,
        (saga, who, _): &Self::UndoRequest,
    ) -> Result<bool, Failure> {
        self.0.ask(key, account_of(*saga, who), ProviderRequest::Void).await
    }

    async fn compensate_answered(
        &self,
        _: &mut Tx<'_>,
        (saga, who, rate): Self::UndoRequest,
        _: bool,
    ) -> CallCompensateResult<Self> {
        compensated(Returned { saga, who, rate })
    }
}

struct Load;

impl Step for Load {
    const NAME: &'static str = "load";
    type On = (Arranged, Paid);
    type Done = Loaded;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, (first, second): Self::On) -> StepResult<Self> {
        done(Loaded { first: first.arranged, second: second.paid })
    }
}

struct Unload;

impl Step for Unload {
    const NAME: &'static str = "unload";
    type On = (Arranged, Shipped, Paid);
    type Done = Unloaded;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, (first, second, third): Self::On) -> StepResult<Self> {
        done(Unloaded { first: first.arranged, second: second.shipped, third: third.paid })
    }
}

struct CarryOld;

impl Step for CarryOld {
    const NAME: &'static str = "carry";
    type On = Carry;
    type Done = Carried;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: Carry) -> StepResult<Self> {
        done(Carried { version: 1 })
    }
}

struct CarryNew;

impl Step for CarryNew {
    const NAME: &'static str = "carry_v2";
    type On = CarryV2;
    type Done = Carried;
    type Refused = Never;

    async fn run(&self, _: &mut Tx<'_>, _: CarryV2) -> StepResult<Self> {
        done(Carried { version: 2 })
    }
}
