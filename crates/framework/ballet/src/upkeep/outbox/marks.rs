//! Writes the marks that no batch's transaction takes along.

use std::sync::Arc;
use std::time::Duration;

use ballet_core::fault::{self, FaultPoint};
use ballet_store::database::connection::begin;
use ballet_store::outbox::batches;
use ballet_store::outbox::batches::Mark;

use crate::declare::handler::database_wait::answered;
use crate::declare::handler::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;

/// The idle time after which marks are written without a batch.
const IDLE: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_secs(2);

/// Writes the marks that no batch's transaction includes, those of the current table once no batch
/// has begun for a moment, and those of other tables soon.
pub(crate) async fn flush_marks(engine: Arc<Engine>) {
    let relay = &engine.relay;
    let mut stopping = engine.stopping.clone();
    loop {
        tokio::select! {
            () = relay.marked.notified() => {}
            () = stopped(&mut stopping) => return,
        }
        loop {
            let before = relay.idle_since();
            tokio::time::sleep(IDLE).await;
            let idle = before.is_some() && relay.idle_since() == before;
            let idle = idle || *stopping.borrow();
            let current = relay.turns.current();
            let tables = relay.marked_tables();
            let due = tables.iter().copied().filter(|table| idle || *table != current);
            if let Err(failure) = flush(&engine, due).await {
                tracing::debug!("marks could not be written: {failure}");
                tokio::time::sleep(AGAIN).await;
            }
            if idle || !tables.contains(&current) {
                break;
            }
        }
    }
}

pub(crate) async fn flush_now(engine: &Engine) -> Result<(), Failure> {
    flush(engine, engine.relay.marked_tables()).await
}

/// Writes each table's marks on their own. Returns the first error.
async fn flush(engine: &Engine, tables: impl IntoIterator<Item = i16>) -> Result<(), Failure> {
    let mut result = Ok(());
    for table in tables {
        let marks = engine.relay.take_marks(table);
        match answered(write(engine, &marks)).await {
            Ok(()) => engine.relay.marks_committed(&marks),
            Err(failure) => {
                engine.relay.give_back(marks);
                result = result.and(Err(failure));
            }
        }
    }
    result
}

async fn write(engine: &Engine, marks: &[Mark]) -> Result<(), sqlx::Error> {
    let mut transaction = begin(&engine.database.upkeep).await?;
    let all: Vec<&Mark> = marks.iter().collect();
    batches::mark(&mut transaction, &all, engine.time.clock.now()).await?;
    fault::point(FaultPoint::BeforeMark, marks);
    transaction.commit().await?;
    fault::point(FaultPoint::AfterMark, marks);
    Ok(())
}
