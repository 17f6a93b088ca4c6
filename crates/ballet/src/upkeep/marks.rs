//! Writes the marks that no batch's transaction takes along.

use std::sync::Arc;
use std::time::Duration;

use ballet_fault::{self as fault, FaultPoint};

use crate::declare::failure::Failure;
use crate::engine::engine::Engine;
use crate::engine::stopping::stopped;
use crate::tables::database::{answered, begin};
use crate::tables::outbox;
use crate::tables::outbox::Mark;

/// The idle time after which marks are written without a batch.
const IDLE: Duration = Duration::from_millis(100);
/// The wait after marks could not be written.
const AGAIN: Duration = Duration::from_secs(2);

/// Writes the marks that no batch's transaction includes, once no batch has begun for a moment.
pub(crate) async fn flush_marks(engine: Arc<Engine>) {
    let mut stopping = engine.stopping.clone();
    loop {
        tokio::select! {
            () = engine.relay.marked.notified() => {}
            () = stopped(&mut stopping) => return,
        }
        loop {
            let before = engine.relay.idle_since();
            tokio::time::sleep(IDLE).await;
            let idle = before.is_some() && engine.relay.idle_since() == before;
            if idle || *stopping.borrow() {
                break;
            }
        }
        if let Err(failure) = flush_now(&engine).await {
            tracing::debug!("marks could not be written: {failure}");
            tokio::time::sleep(AGAIN).await;
        }
    }
}

/// Writes all waiting marks.
pub(crate) async fn flush_now(engine: &Engine) -> Result<(), Failure> {
    if !engine.relay.has_marks() {
        return Ok(());
    }
    let marks = engine.relay.take_marks();
    let written = async {
        let mut transaction = begin(&engine.pool).await?;
        let all: Vec<&Mark> = marks.iter().collect();
        outbox::mark(&mut transaction, &all, engine.clock.now()).await?;
        fault::point(FaultPoint::BeforeMark, &*marks);
        transaction.commit().await
    };
    match answered(written).await {
        Ok(()) => {
            fault::point(FaultPoint::AfterMark, &*marks);
            engine.relay.marks_committed(&marks);
            Ok(())
        }
        Err(error) => {
            engine.relay.give_back(marks);
            Err(error)
        }
    }
}
