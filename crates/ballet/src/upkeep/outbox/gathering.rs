//! Gathers what waits for the broker to be mended out of many batches into few.
//!
//! The other events of those batches are published. Their marks leave in the database only what waits, so
//! another process publishes nothing of them again, and this one keeps little in memory for however long it takes.
//!
//! That is so of batches that this process wrote. Those that it has taken over from a process that is gone stay as
//! they are: each is kept in memory, and the next process publishes all of its events again. There are no more of
//! them than that process left unmarked.

use std::collections::BTreeSet;

use ballet_fault::{self as fault, FaultPoint};
use ballet_store::database::connection::begin;
use ballet_store::outbox::batches;
use ballet_store::outbox::batches::Mark;
use sqlx::{Postgres, Transaction};

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::outgoing::held_batches::ScatteredBatches;
use crate::upkeep::outbox::outbox::Outbox;

/// Gathers held batches while there are many. A table that fails is left out until the next call, so that it
/// keeps no other one from being gathered. Returns the first error.
pub(crate) async fn gather(outbox: &Outbox) -> Result<(), Failure> {
    let mut failed = BTreeSet::new();
    let mut result = Ok(());
    while let Some(scattered) = outbox.relay.take_scattered(&failed) {
        let table = scattered.into.table;
        if let Err(failure) = gather_some(outbox, scattered).await {
            failed.insert(table);
            result = result.and(Err(failure));
        }
    }
    result
}

/// Gathers batches of one table into one.
async fn gather_some(outbox: &Outbox, scattered: ScatteredBatches) -> Result<(), Failure> {
    let relay = &outbox.relay;
    let marks: Vec<Mark> =
        scattered.held.iter().map(|(batch, _)| relay.mark_of_held(*batch)).collect();
    let (transaction, rows) = match answered(write(outbox, &scattered, &marks)).await {
        Ok(written) => written,
        Err(failure) => {
            scattered.held.into_iter().for_each(|(batch, one)| relay.held.add(batch, one));
            return Err(failure);
        }
    };
    fault::point(FaultPoint::BeforeMark, &*marks);
    if let Err(failure) = answered(transaction.commit()).await {
        // It may have succeeded. The next look at the table finds those that are not marked, and
        // publishes all of their events.
        marks.iter().for_each(|mark| relay.leave(mark.batch));
        return Err(failure);
    }
    fault::point(FaultPoint::AfterMark, &*marks);
    relay.gathered(&marks, scattered.into, scattered.gathered(rows));
    Ok(())
}

/// Writes the rows of one batch, and the marks of the others.
async fn write(
    outbox: &Outbox,
    scattered: &ScatteredBatches,
    marks: &[Mark],
) -> Result<(Transaction<'static, Postgres>, i32), sqlx::Error> {
    let held = scattered.held.iter();
    let from: Vec<_> = held.map(|(batch, events)| (*batch, events.positions())).collect();
    let mut transaction = begin(&outbox.database.upkeep).await?;
    let rows = batches::gather(&mut transaction, scattered.into, &from).await?;
    batches::mark(&mut transaction, &marks.iter().collect::<Vec<_>>(), outbox.clock.now()).await?;
    Ok((transaction, rows))
}
