//! `my_service` does its part of the saga `my_saga`, and takes it back when the saga is aborted.

pub mod events;

use ballet::{
    Compensate, CompensateResult, Migration, Never, Participant, Service, Step, StepResult, Tx,
    compensated, done,
};

use crate::events::{MySaga, MyTrigger, PartDone, PartTakenBack};

/// Does the part. It never refuses: a step that may has an event for it as `Refused`, on which the
/// saga's owner aborts, and the owner's decision waits for its event `Done`.
#[derive(Debug)]
pub struct DoPart;

impl Step for DoPart {
    const NAME: &'static str = "do_part";
    type On = MyTrigger;
    type Done = PartDone;
    type Refused = Never;

    async fn run(&self, tx: &mut Tx<'_>, _: MyTrigger) -> StepResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query("insert into part (saga_id) values ($1)").bind(saga).execute(tx.db()).await?;
        done(PartDone {})
    }
}

impl Compensate for DoPart {
    type Compensated = PartTakenBack;

    /// Gets the very event that `run` published. It is not called if `run` took no effect.
    async fn compensate(&self, tx: &mut Tx<'_>, _: PartDone) -> CompensateResult<Self> {
        let saga = tx.saga_id().map(|saga| saga.0);
        sqlx::query("delete from part where saga_id = $1").bind(saga).execute(tx.db()).await?;
        compensated(PartTakenBack {})
    }
}

const TABLES: &[Migration] =
    &[Migration { name: "0001_part", sql: "create table part (saga_id uuid primary key)" }];

/// Everything that the service does.
#[must_use]
pub fn participant() -> Participant {
    Participant::new("my_service").saga::<MySaga>(|saga| saga.compensatable(DoPart))
}

/// The service: its steps and its tables.
#[must_use]
pub fn service() -> Service {
    Service::new(participant()).migrations(TABLES)
}
