//! `my_service` does its part of the saga `my_saga`, and takes it back when the saga is aborted.

pub mod events;

use ballet::{Does, Service, Tx, Undoes, compensated, done};

use crate::events::{MySaga, MyTrigger, PartDone, PartTakenBack};

#[ballet::service("my_service", saga = MySaga, migrations = "migrations")]
impl MyService {
    /// Does the part. It never refuses: a step that may returns `Does<PartDone, PartRefused>`. The saga's owner aborts on
    /// that event, and its decision waits for `PartDone`.
    #[compensatable(undo = take_back)]
    async fn do_part(tx: &mut Tx<'_>, _: MyTrigger) -> Does<PartDone> {
        let insert = sqlx::query("insert into part (saga_id) values ($1)");
        insert.bind(tx.saga_id()).execute(tx.db()).await?;
        done(PartDone {})
    }

    /// Gets the very event that the step published. It is not called if the step took no effect.
    async fn take_back(tx: &mut Tx<'_>, _: PartDone) -> Undoes<PartTakenBack> {
        let delete = sqlx::query("delete from part where saga_id = $1");
        delete.bind(tx.saga_id()).execute(tx.db()).await?;
        compensated(PartTakenBack {})
    }
}

/// The service, for tests and trials.
#[must_use]
pub fn service() -> Service {
    MyService::service()
}
